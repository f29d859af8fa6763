/** How long a condition may take. Far longer than any takes on a busy machine: it only ends a test that hangs. */
const LIMIT_MS = 60_000;
/** For jest.setTimeout: several conditions in a row, and connections that may each take their time. */
export const TEST_MS = 300_000;
/** For what a test must see fail by time: long enough that a busy machine gets as far as the test wants it to. */
export const SHORT_SECONDS = 10;

/** Resolves once `isTrue`, asked every few milliseconds; fails after a minute. */
export async function until(isTrue: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
