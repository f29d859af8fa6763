import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { snapshotName } from '../../../src/etcd/names.ts';
import { takeSnapshot, type TakeInput } from '../../../src/etcd/take.ts';
import { KbinError } from '../../../src/errors.ts';
import { FakeClock } from '../engine/probes/clock.ts';
import { sampleSnapshot } from './bboltSample.ts';
import { SNAPSHOT, sourceOf, type MemberOptions } from './sources.ts';

const home = mkdtempSync(join(tmpdir(), 'kbin-take-'));
afterAll(() => rmSync(home, { recursive: true }));

let spool = '';
let asked: string[] = [];
let warnings: string[] = [];
beforeEach(() => {
  spool = join(mkdtempSync(join(home, 'case-')), 'spool');
  [asked, warnings] = [[], []];
});

const AT = Date.parse('2026-11-20T13:00:00.123Z');

/** A program that answers what etcdutl would. */
function etcdutl(answer: object, exitCode = 0): string {
  const path = join(home, `etcdutl-${Math.random()}`);
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$3" in *.part) ;; *) exit 9 ;; esac\necho '${JSON.stringify(answer)}'\necho words >&2\nexit ${exitCode}\n`,
  );
  chmodSync(path, 0o700);
  return path;
}
const STATUS = { hash: 3735928559, revision: 7, totalKey: 3, totalSize: 32_768, version: '3.6.0' };

function inputOf(members: Record<string, MemberOptions>, changed: Partial<TakeInput> = {}): TakeInput {
  const clock = new FakeClock();
  clock.time = AT;
  return {
    sources: Object.entries(members).map(([name, options]) => sourceOf(name, asked, options)),
    cluster: { name: 'prod', id: 'c0ffee' },
    versions: { kubernetes: 'v1.36.2', kbin: '0.1.0' },
    spool,
    etcdutl: async () => undefined,
    clock,
    signal: new AbortController().signal,
    warn: (message) => void warnings.push(message),
    ...changed,
  };
}

const failure = (input: TakeInput): Promise<unknown> =>
  takeSnapshot(input).then(
    () => Promise.reject(new Error('no failure')),
    (error: unknown) => error,
  );

test('a snapshot is whole in the spool, with all that is known of it', async () => {
  const program = etcdutl(STATUS);
  const versions: string[] = [];
  const progress: number[] = [];
  const { path, manifest } = await takeSnapshot(
    inputOf(
      { a: {}, b: {}, c: {} },
      {
        etcdutl: async (version) => (versions.push(version), program),
        onProgress: ({ receivedBytes }) => void progress.push(receivedBytes),
      },
    ),
  );
  expect(readFileSync(path).equals(SNAPSHOT)).toBe(true);
  expect(readdirSync(spool)).toEqual(['prod-20261120T130000Z-7.db']);
  expect(manifest).toEqual({
    version: 1,
    name: 'prod-20261120T130000Z-7',
    cluster: 'prod',
    clusterId: 'c0ffee',
    etcdClusterId: '0000000000001267',
    member: 'b',
    takenAt: '2026-11-20T13:00:00.123Z',
    revision: 7,
    keys: 3,
    hash: 'deadbeef',
    versions: { etcd: 'v3.6.16', kubernetes: 'v1.36.2', kbin: '0.1.0' },
    database: { bytes: SNAPSHOT.length, sha256: createHash('sha256').update(SNAPSHOT).digest('hex') },
  });
  expect([versions, asked, warnings, progress.at(-1)]).toEqual([['v3.6.16'], ['b'], [], SNAPSHOT.length]);
});

test('without etcdutl what it would tell is absent', async () => {
  const { manifest } = await takeSnapshot(inputOf({ a: {} }));
  expect(manifest).not.toHaveProperty('keys');
  expect(manifest).not.toHaveProperty('hash');
  expect(manifest).toMatchObject({ member: 'a', revision: 7 });
});

const lost = new KbinError('CONNECT', 'the stream broke');
const changed = Buffer.from(SNAPSHOT).fill(1, 9000, 9001);
test.each<[string, MemberOptions, RegExp]>([
  ['whose stream breaks', { sends: lost }, /^no snapshot from b: the stream broke\. c is asked instead$/],
  ['whose snapshot was changed', { sends: changed }, /^no snapshot from b: what etcd on b sent is no sound snapshot/],
  ['whose snapshot is cut', { sends: SNAPSHOT.subarray(0, 9000) }, /has 9000 of/],
  [
    'whose tree is damaged',
    { sends: sampleSnapshot({ keys: [[2], [4]], damage: (pages) => void pages[3]?.writeUInt16LE(9, 8) }) },
    /damaged/,
  ],
  ['that sent less than it had told', { revision: 8 }, /sent revision 7, after it had told 8/],
  ['without a quorum', { revision: new KbinError('STEP', 'request timed out') }, /b has no quorum behind it/],
])('of a member %s nothing is kept, and another one is asked', async (_, options, warning) => {
  const { manifest } = await takeSnapshot(inputOf({ a: {}, b: options, c: {} }));
  expect(manifest.member).toBe('c');
  expect(warnings).toEqual([expect.stringMatching(warning)]);
  expect(readdirSync(spool)).toEqual([`${manifest.name}.db`]);
});

test('only one other member is asked', async () => {
  expect(await failure(inputOf({ a: {}, b: { sends: lost }, c: { sends: lost } }))).toBe(lost);
  expect([asked, readdirSync(spool)]).toEqual([['b', 'c'], []]);
});

test('a leader that is alone is not asked twice', async () => {
  expect(await failure(inputOf({ a: { sends: lost } }))).toBe(lost);
  expect(asked).toEqual(['a']);
});

test('the leader is the other one where there is a single follower', async () => {
  await takeSnapshot(inputOf({ a: {}, b: { sends: lost } }));
  expect(asked).toEqual(['b', 'a']);
});

test('what etcdutl does not read is not kept', async () => {
  const error = await failure(inputOf({ a: {} }, { etcdutl: async () => etcdutl({}, 1) }));
  expect(error).toMatchObject({ code: 'STEP', message: expect.stringContaining('exit code 1'), evidence: ['words'] });
  expect(readdirSync(spool)).toEqual([]);
});

test('what is no fault of a member is not tried with another', async () => {
  const interrupted = new KbinError('INTERRUPTED', 'given up');
  expect(await failure(inputOf({ a: {}, b: { sends: interrupted }, c: {} }))).toBe(interrupted);
  const alarms = [{ memberId: '1', alarm: 'CORRUPT' }];
  expect(await failure(inputOf({ a: {}, b: { alarms } }))).toMatchObject({
    code: 'REFUSED',
    hint: expect.stringContaining('HashKV'),
  });
  const noProgram = await failure(inputOf({ a: {}, b: {} }, { etcdutl: async () => join(home, 'nothing') }));
  expect(noProgram).toMatchObject({ name: 'LocalError' });
  const tooLarge = await failure(inputOf({ a: {}, b: { status: { dbBytes: 2 ** 60 } } }));
  expect(tooLarge).toMatchObject({ code: 'PREFLIGHT' });
  expect([asked, readdirSync(spool)]).toEqual([['b', 'b'], []]);
});

test('an error that nobody foresaw is not hidden behind another member', async () => {
  const bug = new TypeError('bug');
  expect(await failure(inputOf({ a: {}, b: { sends: bug } }))).toBe(bug);
});

test('lack of space in etcd is told, and the snapshot is taken', async () => {
  const alarms = [1, 2].map((id) => ({ memberId: String(id), alarm: 'NOSPACE' }));
  await takeSnapshot(inputOf({ a: { alarms } }));
  expect(warnings).toEqual(['etcd tells alarm NOSPACE: the snapshot is taken all the same']);
});

test('a member that does not answer is told, and is no hindrance', async () => {
  expect((await takeSnapshot(inputOf({ a: {}, b: { isDown: true }, c: {} }))).manifest.member).toBe('c');
  expect(warnings).toEqual(['etcd on b does not answer: b is down']);
});

test('nobody who answers, and nobody with a leader', async () => {
  expect(await failure(inputOf({ a: { isDown: true }, b: { isDown: true } }))).toMatchObject({ code: 'CONNECT' });
  const leaderless = { status: { leader: '' } };
  expect(await failure(inputOf({ a: leaderless, b: leaderless }))).toMatchObject({ code: 'GATE' });
  expect(await failure(inputOf({ a: { revision: new KbinError('TIMEOUT', 'no answer') } }))).toMatchObject({
    code: 'GATE',
    evidence: ['no answer'],
  });
});

test('names sort by time and have no character that a target dislikes', () => {
  expect(snapshotName('prod', Date.parse('2026-01-02T03:04:05.006Z'), 12)).toBe('prod-20260102T030405Z-12');
});
