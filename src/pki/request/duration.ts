const MILLISECONDS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go counts nanoseconds in 63 bits: 292 years. */
const LONGEST = 2 ** 63 / 1e6;

/** Milliseconds of a duration as Go's time.ParseDuration takes it (`8760h`, `1h30m`, `0`); undefined for anything else. */
export function goDuration(text: string): number | undefined {
  if (/^[-+]?0$/.test(text)) return 0;
  if (!/^[-+]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(\D+?)(?=[\d.]|$)/g)];
  const sum = parts.reduce((total, [, number, unit = '']) => total + Number(number) * (MILLISECONDS[unit] ?? NaN), 0);
  if (!(sum < LONGEST)) return undefined;
  return text.startsWith('-') ? -sum : sum;
}
