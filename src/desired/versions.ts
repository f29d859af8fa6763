const numbersOf = (version: string): number[] => version.replace(/^v/, '').split(/[.+-]/).slice(0, 2).map(Number);

/** Whether a version (`v1.36.2`) is of this minor (`1.36`) or a later one. */
export function isAtLeast(version: string, minor: string): boolean {
  const [major = 0, patchless = 0] = numbersOf(version);
  const [wantedMajor = 0, wantedMinor = 0] = numbersOf(minor);
  return major > wantedMajor || (major === wantedMajor && patchless >= wantedMinor);
}
