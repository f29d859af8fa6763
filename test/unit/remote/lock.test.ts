import { jest } from '@jest/globals';
import type { Output } from '../../../src/model/ports.ts';
import {
  acquireScript,
  parseAcquire,
  parseRenew,
  releaseScript,
  renewScript,
  type Acquired,
} from '../../../src/remote/lock.ts';
import { codeOf } from './steps.ts';
import { ONLY_SH, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

const script = (run: string, leaseSeconds = 90): string =>
  acquireScript({ cluster: 'prod', holder: `ann of ${run}`, from: 'laptop $(id)', run, leaseSeconds });

const tokenOf = (answer: Acquired): number => {
  if (!answer.acquired) throw new Error(`held by ${answer.holder}`);
  return answer.token;
};

describe.each(SHELLS)('in $name', ({ argv }) => {
  const acquire = async (box: Sandbox, run: string, leaseSeconds?: number): Promise<Acquired> =>
    parseAcquire(await box.run(script(run, leaseSeconds), { shell: argv }));
  const renew = async (box: Sandbox, run: string, leaseSeconds = 90): Promise<boolean> =>
    parseRenew(await box.run(renewScript({ run, leaseSeconds }), { shell: argv })).renewed;
  const release = (box: Sandbox, run: string): Promise<Output> => box.run(releaseScript({ run }), { shell: argv });

  test('a free lock is taken, and the next one is told who has it', async () => {
    const box = sandbox();
    expect(await acquire(box, 'run-1')).toMatchObject({ acquired: true });
    const second = await acquire(box, 'run-2');
    expect(second).toMatchObject({ acquired: false, holder: 'ann of run-1', from: 'laptop $(id)' });
    if (second.acquired) throw new Error('taken twice');
    expect(second.since).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    expect(Math.abs(Date.parse(second.since) - Date.now())).toBeLessThan(60_000);
    expect(second.expiresInSeconds).toBeGreaterThan(60);
    expect(second.expiresInSeconds).toBeLessThanOrEqual(90);
    expect(box.mode('/var/lib/kbin/lock')).toBe('0700');
  });

  test('the same run gets the same token again: its first answer may have been lost', async () => {
    const box = sandbox();
    const token = tokenOf(await acquire(box, 'run-1'));
    expect(tokenOf(await acquire(box, 'run-1'))).toBe(token);
  });

  test('a released lock is free, and tokens grow from holder to holder', async () => {
    const box = sandbox();
    const tokens: number[] = [];
    for (const run of ['a', 'b', 'c']) {
      tokens.push(tokenOf(await acquire(box, run)));
      expect((await release(box, run)).exitCode).toBe(0);
    }
    expect(new Set(tokens).size).toBe(3);
    expect([...tokens].sort((a, b) => a - b)).toEqual(tokens);
    // At least the clock, so that a host that is new to the cluster does not start below the others.
    expect(tokens[0]).toBeGreaterThan(1_700_000_000);
  });

  test('only its run releases a lock', async () => {
    const box = sandbox();
    await acquire(box, 'run-1');
    expect((await release(box, 'run-2')).exitCode).toBe(0);
    expect(await acquire(box, 'run-2')).toMatchObject({ acquired: false });
    expect(await renew(box, 'run-1')).toBe(true);
  });

  test('of twenty at once exactly one wins, and the others see it whole', async () => {
    const box = sandbox();
    const runs = Array.from({ length: 20 }, (_, index) => `run-${index}`);
    const answers = await Promise.all(runs.map((run) => acquire(box, run)));
    const winners = runs.filter((_, index) => answers[index]?.acquired);
    expect(winners).toHaveLength(1);
    const losers = answers.filter((answer) => !answer.acquired);
    expect(losers).toHaveLength(19);
    for (const answer of losers) expect(answer).toMatchObject({ holder: `ann of ${winners[0] ?? ''}` });
  });

  test('an expired lease is taken over by exactly one of twenty, with a higher token', async () => {
    const box = sandbox();
    const dead = tokenOf(await acquire(box, 'dead', -5));
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => acquire(box, `run-${index}`)));
    const tokens = answers.filter((answer) => answer.acquired).map(tokenOf);
    expect(tokens).toHaveLength(1);
    expect(tokens[0]).toBeGreaterThan(dead);
    expect(await renew(box, 'dead')).toBe(false);
    expect((await release(box, 'dead')).exitCode).toBe(0);
    expect(await acquire(box, 'late')).toMatchObject({ acquired: false });
  });

  test('a lease that is renewed lasts, one that is not ends', async () => {
    const box = sandbox();
    await acquire(box, 'run-1', 90);
    expect(await renew(box, 'run-1', 500)).toBe(true);
    const held = await acquire(box, 'run-2');
    expect(held).toMatchObject({ acquired: false });
    if (!held.acquired) expect(held.expiresInSeconds).toBeGreaterThan(400);
    expect(await renew(box, 'run-1', -5)).toBe(true);
    expect(await acquire(box, 'run-2')).toMatchObject({ acquired: true });
  });

  test('an expired lease that nobody took is the holder’s again, with the same token', async () => {
    const box = sandbox();
    const token = tokenOf(await acquire(box, 'run-1', -5));
    expect(await renew(box, 'run-1')).toBe(true);
    expect(tokenOf(await acquire(box, 'run-1'))).toBe(token);
    expect(await acquire(box, 'run-2')).toMatchObject({ acquired: false, holder: 'ann of run-1' });
  });

  test('a lock that was released cannot be renewed', async () => {
    const box = sandbox();
    await acquire(box, 'run-1');
    await release(box, 'run-1');
    expect(await renew(box, 'run-1')).toBe(false);
  });

  test('nothing piles up', async () => {
    const box = sandbox();
    for (const run of ['a', 'b', 'c', 'd']) {
      await acquire(box, run);
      await renew(box, run);
      await release(box, run);
    }
    expect(box.list('/var/lib/kbin/lock')).toEqual(['4', '4.lease']);
  });

  test('an expired holder and twenty others: whoever wins, only one does', async () => {
    const box = sandbox();
    await acquire(box, 'dead', -5);
    const others = Array.from({ length: 10 }, (_, index) => acquire(box, `run-${index}`));
    const back = renew(box, 'dead');
    const winners = (await Promise.all(others)).filter((answer) => answer.acquired).length + ((await back) ? 1 : 0);
    expect(winners).toBe(1);
  });
});

describe.each(ONLY_SH)('with a clock of its own, in $name', () => {
  test('a holder that slept through its lease while renewing has lost it', async () => {
    const box = sandbox();
    // The first look says "in time", the second, after the new lease was written, "too late".
    box.fake(
      'date',
      'echo x >>"$KBIN_ROOT/looks"; case $(wc -l <"$KBIN_ROOT/looks") in 1|2) echo 1000;; *) echo 2000;; esac',
    );
    expect(parseAcquire(await box.run(script('run-1')))).toEqual({ acquired: true, token: 1000 });
    expect(parseRenew(await box.run(renewScript({ run: 'run-1', leaseSeconds: 90 })))).toEqual({ renewed: false });
  });

  test('a clock that went back does not bring back an old token', async () => {
    const box = sandbox();
    box.fake('date', 'cat "$KBIN_ROOT/now"');
    box.write('/now', '5000\n');
    expect(tokenOf(parseAcquire(await box.run(script('a', -1))))).toBe(5000);
    box.write('/now', '6000\n');
    await box.run(releaseScript({ run: 'a' }));
    box.write('/now', '4000\n');
    expect(tokenOf(parseAcquire(await box.run(script('b'))))).toBe(5001);
  });
});

test('a script that failed is an error', () => {
  const output = { exitCode: 70, stdout: '', stderr: 'mkdir: Read-only file system\n' };
  expect(() => parseAcquire(output)).toThrow('Read-only file system');
  expect(codeOf(() => parseAcquire(output))).toBe('STEP');
  expect(codeOf(() => parseRenew(output))).toBe('STEP');
});

test.each(['', 'acquired 5\n', 'acquired x\n%end\n', 'held 1 2\n%end\n', 'renewed\n%end\n'])(
  '%j is malformed',
  (stdout) => {
    expect(codeOf(() => parseAcquire({ exitCode: 0, stdout, stderr: '' }))).toBe('STEP');
  },
);

test('a holder with a line break is refused', () => {
  const input = { cluster: 'c', holder: 'a\nb', from: 'f', run: 'r', leaseSeconds: 1 };
  expect(codeOf(() => acquireScript(input))).toBe('REFUSED');
});
