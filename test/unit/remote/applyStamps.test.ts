import { jest } from '@jest/globals';
import type { ApplyInput } from '../../../src/remote/apply.ts';
import { applyPayload } from '../../../src/remote/apply.ts';
import { apply, applyInput, content, fileStep, linkStep, ownedOf, pairStep, sha, step, unitStep } from './steps.ts';
import { ONLY_SH, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

const FILE = '/etc/kubernetes/kubelet.yaml';
const LINK = '/usr/local/bin/kubelet';
const PAIR = '/etc/kubernetes/pki/apiserver';
const stampOf = (unit: string): string => `/var/lib/kbin/started/${unit}`;
const OLD = `${'a'.repeat(64)}\n`;
const UNKNOWN = 'unknown\n';
const UNITS = ['kubelet.service', 'kube-proxy.service'];

/** A host whose units were started with something. */
function started(units: readonly string[] = UNITS): Sandbox {
  const box = sandbox();
  for (const unit of units) box.write(stampOf(unit), OLD);
  return box;
}

const stamps = (box: Sandbox, units: readonly string[] = UNITS): string[] =>
  units.map((unit) => box.read(stampOf(unit)));

const writing = (text: string, expect?: string, more: Partial<ApplyInput> = {}): ApplyInput =>
  applyInput([fileStep(FILE, expect)], { [`file:${FILE}`]: content(text) }, { unsettles: UNITS, ...more });

describe.each(SHELLS)('in $name', ({ argv }) => {
  test('a file that changes takes the stamps of the units that run with it, and no other', async () => {
    const box = started([...UNITS, 'etcd.service']);
    box.write(FILE, 'by hand');
    expect((await apply(box, writing('new', sha('by hand')), argv)).failed).toBeUndefined();
    expect(stamps(box)).toEqual([UNKNOWN, UNKNOWN]);
    expect(box.read(stampOf('etcd.service'))).toBe(OLD);
  });

  test('a file that only gets its mode takes no stamp', async () => {
    const box = started();
    box.write(FILE, 'new', 0o600);
    expect((await apply(box, writing('new'), argv)).failed).toBeUndefined();
    expect([box.mode(FILE), ...stamps(box)]).toEqual(['0644', OLD, OLD]);
  });

  test('drift takes no stamp: nothing was changed', async () => {
    const box = started();
    box.write(FILE, 'by another hand');
    expect((await apply(box, writing('new', sha('by hand')), argv)).failed).toMatchObject({ reason: 'drift' });
    expect(stamps(box)).toEqual([OLD, OLD]);
  });

  test.each([
    ['a link', applyInput([linkStep(LINK, '/opt/kbin/two/kubelet')], {}, { unsettles: UNITS })],
    [
      'a pair',
      applyInput(
        [pairStep(PAIR)],
        { [`pair:${PAIR}`]: { certificate: Buffer.from('crt'), key: Buffer.from('key') } },
        { unsettles: UNITS },
      ),
    ],
    [
      'something that is removed',
      applyInput([step({ do: 'remove', path: FILE }, 'remove')], {}, { unsettles: UNITS, owned: ownedOf([FILE]) }),
    ],
    ['an apply without steps', applyInput([], {}, { unsettles: UNITS })],
  ])('%s takes the stamps as well', async (_what, input) => {
    const box = started();
    expect((await apply(box, input, argv)).failed).toBeUndefined();
    expect(stamps(box)).toEqual([UNKNOWN, UNKNOWN]);
  });

  test('what is read again is all that a stamp after a plus loses', async () => {
    const box = started();
    box.write(stampOf('kubelet.service'), 'kept again\n');
    const unsettles = ['+kubelet.service', ...UNITS.slice(1)];
    expect((await apply(box, writing('new', undefined, { unsettles }), argv)).failed).toBeUndefined();
    expect(stamps(box)).toEqual(['kept unknown\n', UNKNOWN]);
  });

  test('a unit that was never started gets no stamp by that', async () => {
    const box = started(['kubelet.service']);
    box.write(stampOf('empty.service'), '');
    const input = writing('new', undefined, { unsettles: [...UNITS, 'empty.service', 'templated@x\\x2dy.service'] });
    expect((await apply(box, input, argv)).failed).toBeUndefined();
    expect(box.list('/var/lib/kbin/started')).toEqual(['empty.service', 'kubelet.service']);
    expect([box.read(stampOf('empty.service')), box.read(stampOf('kubelet.service'))]).toEqual(['', UNKNOWN]);
  });

  test('a unit that is restarted in the same apply has its new stamp in the end', async () => {
    const box = started();
    box.recorder('systemctl');
    const steps = [fileStep(FILE), unitStep('kubelet.service')];
    const input = applyInput(steps, { [`file:${FILE}`]: content('new') }, { unsettles: UNITS });
    expect((await apply(box, input, argv)).failed).toBeUndefined();
    expect(stamps(box)).toEqual([`${'d'.repeat(64)}\n`, UNKNOWN]);
  });

  test('a run that was taken over takes no stamp', async () => {
    const box = started();
    box.write('/var/lib/kbin/fence/6/x', '');
    expect((await apply(box, writing('new'), argv)).failed).toMatchObject({ reason: 'stale' });
    expect(stamps(box)).toEqual([OLD, OLD]);
  });
});

test.each(ONLY_SH)('in $name, stamps are gone and flushed before the first rename', async ({ argv }) => {
  const box = started();
  const look = `cat "$KBIN_ROOT${stampOf('kubelet.service')}" >>"$KBIN_ROOT/calls"`;
  box.recorder('mv', `case $* in *owned*) ;; *) ${look};; esac\nexec /bin/mv "$@"`);
  box.recorder('sync', 'exec /bin/sync "$@"');
  expect((await apply(box, writing('new'), argv)).failed).toBeUndefined();
  const calls = box.calls();
  const rename = calls.findIndex((call) => call.startsWith('mv') && call.endsWith(`.${FILE}`));
  const flush = calls.indexOf(`sync -- ${UNITS.map((unit) => `.${stampOf(unit)}`).join(' ')}`);
  expect(flush).toBeGreaterThan(0);
  expect(rename).toBeGreaterThan(flush);
  expect(calls[rename + 1]).toBe('unknown');
});

test('an apply that unsettles nothing does not speak of it, and a name that is no unit is refused', async () => {
  const lines = async (unsettles: string[]): Promise<number> =>
    (await applyPayload(applyInput([], {}, { unsettles }))).input.length;
  expect(await lines(UNITS)).toBeGreaterThan(await lines([]));
  await expect(lines(['--now'])).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(lines(['a b.service'])).rejects.toMatchObject({ code: 'REFUSED' });
});
