import { jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { SnapshotTarget } from '../../../src/etcd/target.ts';
import { sftpTarget } from '../../../src/etcd/targets/sftp.ts';
import type { SftpTarget } from '../../../src/model/snapshot.ts';
import { createSftpOpener } from '../../../src/ssh/sftp.ts';
import { bytesOf, fault, keepsTheContract, stream } from '../../unit/etcd/targets/contract.ts';
import { expectYear } from '../../unit/etcd/yearOfTarget.ts';
import { Bench, type Sshd } from '../sshd.ts';
import { TEST_MS, until } from '../until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
const SUBSYSTEM = 'Subsystem sftp internal-sftp';
/** A server that knows no more than the protocol of 2001. */
const PLAIN = `${SUBSYSTEM} -P posix-rename,fsync,statvfs,limits`;
let server: Sshd;

beforeAll(async () => {
  server = await bench.serve('backup', { lines: [SUBSYSTEM, 'ForceCommand internal-sftp'] });
  bench.knownHosts('known_hosts', server);
});
afterAll(() => bench.close());

const specOf = (to: Sshd, path: string, more: Partial<SftpTarget> = {}): SftpTarget => ({
  kind: 'sftp',
  name: to.name,
  host: '127.0.0.1',
  port: to.port,
  user: bench.user,
  path,
  identityFile: bench.key,
  hostKeys: 'strict',
  knownHosts: [join(bench.folder, 'known_hosts')],
  ...more,
});
const opener = createSftpOpener({ startsPerSecond: 1000 });
const open = (spec: SftpTarget): Promise<SnapshotTarget> => sftpTarget(spec, opener);
const contents = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);

/** A target over a folder of the server with these files. */
async function site(name: string, files: string[] = [], to = server) {
  const path = join(bench.folder, name);
  mkdirSync(path);
  for (const file of files) writeFileSync(join(path, file), file);
  return { path, target: await open(specOf(to, path)) };
}

describe.each([
  ['with ForceCommand internal-sftp', [SUBSYSTEM, 'ForceCommand internal-sftp']],
  ['without extensions', [PLAIN]],
])('a server %s', (what, lines) => {
  const name = what.replace(/\W/g, '');
  const path = join(bench.folder, name, 'made', 'on demand');
  let own: Sshd;
  let target: SnapshotTarget;

  beforeAll(async () => {
    own = await bench.serve(name, { lines });
    const knownHosts = [bench.knownHosts(`${name}-known`, own)];
    target = await open(specOf(own, path, { knownHosts }));
  });
  afterAll(() => target.close());

  keepsTheContract({ target: () => target, everything: () => Promise.resolve(contents(path)) });

  test('has folder and files for their owner alone', () => {
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, contents(path)[0]!)).mode & 0o777).toBe(0o600);
    expect(target.label).toBe(`sftp://${bench.user}@127.0.0.1:${own.port}/${path}`);
  });
});

test('parts, folders and links are not listed', async () => {
  const { path, target } = await site('listed', ['a.db', '.a.db.part-0123abcd']);
  mkdirSync(join(path, 'folder'));
  symlinkSync('/etc/passwd', join(path, 'linked.db'));
  expect(await target.list()).toEqual([{ name: 'a.db', bytes: 4 }]);
  await target.close();
});

test('a sweep goes by the server’s clock and removes old parts alone', async () => {
  const [old, young] = ['.old.db.part-0123abcd', '.young.db.part-0123abcd'];
  const { path, target } = await site('swept', [old, young, 'old.db']);
  for (const name of [old, 'old.db']) utimesSync(join(path, name), 1, 1);
  await target.sweep();
  expect(contents(path)).toEqual([young, 'old.db']);
  await target.close();
});

test('a link is not followed out of the folder', async () => {
  const { path, target } = await site('links');
  const outside = bench.write('outside', 'secret');
  symlinkSync(outside, join(path, 'a.db'));
  expect((await fault(target.open('a.db'))).message).toBe(
    `${target.label}: a.db: is a link, and links are not followed.`,
  );
  await target.put('a.db', stream(Buffer.from('new')), 3);
  expect(readFileSync(outside, 'utf8')).toBe('secret');
  expect((await bytesOf(await target.open('a.db'))).toString()).toBe('new');
  await target.close();
});

test('a relative path starts where the server puts the user', async () => {
  const home = bench.folder.replace(/^\//, '../'.repeat(9));
  const target = await open(specOf(server, `${home}/relative`));
  await target.put('a.db', stream(Buffer.from('a')), 1);
  expect(contents(join(bench.folder, 'relative'))).toEqual(['a.db']);
  await target.close();
});

test('another host key than the known one is refused', async () => {
  const stranger = await bench.serve('stranger', { lines: [SUBSYSTEM] });
  const knownHosts = [bench.write('wrong-known', `[127.0.0.1]:${stranger.port} ${server.publicKey}\n`)];
  expect((await fault(open(specOf(stranger, '/', { knownHosts })))).code).toBe('HOST_KEY');
  expect((await fault(open(specOf(stranger, '/')))).code).toBe('HOST_KEY');
  const target = await open(specOf(stranger, '/', { hostKeys: 'accept-new', knownHosts: [join(bench.folder, 'new')] }));
  await target.close();
  expect(bench.read('new')).toContain(stranger.publicKey);
});

test('another key than the accepted one is refused, and the target’s settings are named', async () => {
  const error = await fault(open(specOf(server, '/', { identityFile: bench.makeKey('other') })));
  expect(error.code).toBe('AUTH');
  expect(error.hint).toContain('etcd.snapshots.targets');
});

test('a server without SFTP is named', async () => {
  const none = await bench.serve('none');
  const knownHosts = [bench.knownHosts('none-known', none)];
  const error = await fault(open(specOf(none, '/', { knownHosts })));
  expect(error).toMatchObject({ code: 'CONNECT', host: 'none' });
  expect(error.hint).toContain('Subsystem sftp');
  await none.rest();
});

test('an interrupted opening ends at once', async () => {
  const abort = new AbortController();
  abort.abort();
  const error = await fault(sftpTarget(specOf(server, '/'), opener, abort.signal));
  expect(error.code).toBe('INTERRUPTED');
});

test('a connection that breaks half-way leaves the old file, and a part that a sweep knows', async () => {
  const { path, target } = await site('broken', ['a.db']);
  const source = Readable.from(endless(), { objectMode: false });
  async function* endless(): AsyncGenerator<Buffer> {
    for (let count = 0; ; count += 1) {
      if (count === 40) server.breakConnections();
      yield randomBytes(100_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const error = await fault(target.put('a.db', source, 1_000_000_000));
  expect(error.code).toBe('CONNECT');
  expect(source.destroyed).toBe(true);
  expect((await fault(target.list())).code).toBe('CONNECT');
  await target.close();

  const again = await open(specOf(server, path));
  expect(await again.list()).toEqual([{ name: 'a.db', bytes: 4 }]);
  const parts = contents(path).filter((name) => name !== 'a.db');
  expect(parts).toHaveLength(1);
  utimesSync(join(path, parts[0]!), 1, 1);
  await again.sweep();
  expect(contents(path)).toEqual(['a.db']);
  await again.close();
});

test('a connection that breaks while a file is read fails the reading', async () => {
  const bytes = randomBytes(30 * 1024 * 1024);
  const { target } = await site('cut');
  await target.put('a.db', stream(bytes), bytes.length);
  let seen = 0;
  const reading = async (): Promise<void> => {
    for await (const chunk of await target.open('a.db')) {
      seen += (chunk as Buffer).length;
      server.breakConnections();
    }
  };
  expect((await fault(reading())).code).toBe('CONNECT');
  expect(seen).toBeLessThan(bytes.length);
  await target.close();
  await until(() => server.connections().length === 0, 'the end of the connection');
});

test('permission denied is told with the place', async () => {
  const name = 'readonly';
  const own = await bench.serve(name, { lines: [SUBSYSTEM, 'ForceCommand internal-sftp -R'] });
  const { path } = await site(name, ['a.db']);
  const target = await open(specOf(own, path, { knownHosts: [bench.knownHosts(`${name}-known`, own)] }));
  const error = await fault(target.put('a.db', stream(Buffer.from('a')), 1));
  expect(error).toMatchObject({ code: 'STEP', message: `${target.label}: a.db: permission denied.` });
  expect((await fault(target.remove('a.db'))).message).toBe(`${target.label}: a.db: permission denied.`);
  expect((await bytesOf(await target.open('a.db'))).toString()).toBe('a.db');
  await target.close();
});

test('a year of snapshots every other day with failures', async () => {
  const { target } = await site('year');
  await expectYear({ target, everyHours: 48, seed: 6 });
  await target.close();
});
