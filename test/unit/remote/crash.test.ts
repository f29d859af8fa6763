import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, readlinkSync } from 'node:fs';
import type { Step } from '../../../src/model/plan.ts';
import { applyPayload, parseApply, type ApplyBody } from '../../../src/remote/apply.ts';
import {
  apply,
  applyInput,
  content,
  directoryStep,
  fileStep,
  linkStep,
  ownedOf,
  PAIRS,
  pairStep,
  sha,
  unitStep,
} from './steps.ts';
import { removeSandboxes, sandbox, type Sandbox } from './sandbox.ts';

jest.setTimeout(120_000);
afterEach(removeSandboxes);

const FILE = '/etc/kubernetes/kubelet.yaml';
const UNIT_FILE = '/etc/systemd/system/kubelet.service';
const PAIR = '/etc/kubernetes/pki/apiserver';
const LINK = '/usr/local/bin/kubelet';
const STAMP = '/var/lib/kbin/started/kubelet.service';

const pairBody = (name: string): ApplyBody => ({
  certificate: Buffer.from(`crt ${name}`),
  key: Buffer.from(`key ${name}`),
});
const contentPath = (name: string): string => `${PAIRS}/apiserver.${sha(`crt ${name}`).slice(0, 16)}`;

/** What the planner would ask for: the files with what is there now as what is expected. */
function input(box: Sandbox, generation: string, run: string) {
  const expected = (path: string): string => (box.has(path) ? sha(box.read(path)) : 'absent');
  const steps: Step[] = [
    directoryStep('/etc/kubernetes/manifests', '0700'),
    pairStep(PAIR),
    linkStep(LINK, `/opt/kbin/${generation}/kubelet`),
    fileStep(FILE, expected(FILE)),
    fileStep(UNIT_FILE, expected(UNIT_FILE)),
    unitStep('kubelet.service'),
  ];
  const bodies = {
    [`pair:${PAIR}`]: pairBody(generation),
    [`file:${FILE}`]: content(`config ${generation}\n`),
    [`file:${UNIT_FILE}`]: content(`unit ${generation}\n`),
  };
  const digest = sha(generation);
  const stamps = new Map(steps.map(({ id }) => [id, digest]));
  const more = { run, owned: ownedOf([FILE, generation]), stamps, unsettles: ['kubelet.service'] };
  return applyInput(steps, bodies, more);
}

const TOOLS = [
  'cat',
  'chmod',
  'chown',
  'cp',
  'ln',
  'mkdir',
  'mv',
  'readlink',
  'rm',
  'rmdir',
  'sha256sum',
  'sync',
  'tar',
];

/** Every process that a script starts is counted; with $CRASH_AT, that one is the last: power off. */
function withCounting(box: Sandbox): Sandbox {
  const count = `
    if [ -n "$COUNT_TO" ]; then
      read -r number <"$COUNT_TO"
      number=$((number + 1))
      echo "$number" >"$COUNT_TO"
      if [ "$number" = "$CRASH_AT" ]; then kill -9 0; fi
    fi
    PATH=/usr/sbin:/usr/bin:/sbin:/bin`;
  for (const tool of TOOLS) box.fake(tool, `${count}\nexec ${tool} "$@"`);
  box.fake('systemctl', `${count}\nprintf '%s\\n' "systemctl $*" >>"$KBIN_ROOT/calls"`);
  return box;
}

const leftovers = (box: Sandbox): string[] =>
  execFileSync('find', [box.root, '-name', '*run-*', '-o', '-path', '*/staging/*'], { encoding: 'utf8' })
    .split('\n')
    .slice(0, -1);

/** What must hold whenever the power fails: everything is the old one or the new one, and whole. */
function expectWhole(box: Sandbox): void {
  expect(['config one\n', 'config two\n']).toContain(box.read(FILE));
  expect(['unit one\n', 'unit two\n']).toContain(box.read(UNIT_FILE));
  expect(['/opt/kbin/one/kubelet', '/opt/kbin/two/kubelet']).toContain(readlinkSync(box.at(LINK)));
  const directory = readlinkSync(box.at(PAIR));
  const [crt, key] = ['tls.crt', 'tls.key'].map((name) => box.read(`${directory}/${name}`));
  expect(key).toBe(crt?.replace('crt', 'key'));
  expect([ownedOf([FILE, 'one']), ownedOf([FILE, 'two'])]).toContainEqual(
    JSON.parse(box.read('/var/lib/kbin/owned.json')),
  );
  // The list of what is kbin's never lags behind.
  if (box.read(FILE) === 'config two\n') expect(box.read('/var/lib/kbin/owned.json')).toContain('two');
  // Nor does a stamp outlive what its unit was started with.
  const changed = [box.read(FILE), box.read(UNIT_FILE), readlinkSync(box.at(LINK)), directory];
  if (changed.some((what) => what.includes('two') || what === contentPath('two'))) {
    expect(box.read(STAMP)).not.toBe(`${sha('one')}\n`);
  }
  const hasRestarted = box.calls().filter((call) => call.includes('restart')).length === 2;
  if (box.read(STAMP) === `${sha('two')}\n`) expect(hasRestarted).toBe(true);
}

/** A host as the first generation left it. */
async function firstGeneration(): Promise<Sandbox> {
  const box = withCounting(sandbox());
  expect((await apply(box, input(box, 'one', 'run-1'))).failed).toBeUndefined();
  return box;
}

async function crashAt(number: number, first: Sandbox): Promise<boolean> {
  const box = withCounting(sandbox());
  cpSync(first.root, box.root, { recursive: true, verbatimSymlinks: true });
  box.write('/count', '0\n');
  const payload = await applyPayload(input(box, 'two', 'run-2'));
  const env = { COUNT_TO: box.at('/count'), CRASH_AT: String(number) };
  const output = await box.run(payload.script, { input: payload.input, env });
  const hasCrashed = output.signal === 'SIGKILL';
  expect(parseApply(output).truncated).toBe(hasCrashed);
  expectWhole(box);
  const again = await apply(box, input(box, 'two', 'run-3'));
  expect(again).toMatchObject({ truncated: false, exitCode: 0 });
  expect(again.done).toHaveLength(6);
  expect(box.read(FILE)).toBe('config two\n');
  expect(box.read(UNIT_FILE)).toBe('unit two\n');
  expect(readlinkSync(box.at(PAIR))).toBe(contentPath('two'));
  expect(box.read(`${contentPath('two')}/tls.key`)).toBe('key two');
  expect(box.list(PAIRS)).toHaveLength(2);
  expect(box.read(STAMP)).toBe(`${sha('two')}\n`);
  expect(leftovers(box)).toEqual([]);
  box.remove();
  return hasCrashed;
}

test('killed at any process it starts, an apply leaves nothing torn, and the next one finishes it and cleans up', async () => {
  const lanes = 4;
  const template = await firstGeneration();
  let crashes = 0;
  const lane = async (first: number): Promise<void> => {
    for (let number = first; await crashAt(number, template); number += lanes) crashes += 1;
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index + 1)));
  // An apply of six steps starts some thirty processes; fewer would mean that the counting is broken.
  expect(crashes).toBeGreaterThan(20);
});
