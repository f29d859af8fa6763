import { jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { SnapshotTarget } from '../../../src/etcd/target.ts';
import { folderTarget } from '../../../src/etcd/targets/folder.ts';
import { sftpTarget } from '../../../src/etcd/targets/sftp.ts';
import { createSftpOpener } from '../../../src/ssh/sftp.ts';
import { fault, stream } from '../../unit/etcd/targets/contract.ts';
import { Bench } from '../sshd.ts';
import { TEST_MS } from '../until.ts';

jest.setTimeout(TEST_MS);
const MIB = 1024 * 1024;
const bench = new Bench();
const disk = join(bench.folder, 'disk');
mkdirSync(disk);
const mount = (): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'kbin-test', disk]).status === 0;
const unmount = (): boolean => spawnSync('umount', [disk]).status === 0;
const canMount = mount() && unmount();

beforeAll(() => {
  if (canMount) mount();
});
afterAll(() => {
  if (canMount) unmount();
  bench.close();
});

/** Of the sizes that targets take, only the first chunk goes out before the disk is filled by somebody else. */
function filling(bytes: Buffer): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, MIB);
    writeFileSync(join(disk, 'filler'), randomBytes(4 * MIB));
    yield bytes.subarray(MIB);
  }
  return Readable.from(chunks(), { objectMode: false });
}

const TARGETS: [string, (lines?: string[]) => Promise<SnapshotTarget>][] = [
  ['a folder', () => Promise.resolve(folderTarget({ kind: 'folder', name: 'disk', path: disk }))],
  ['SFTP', () => overSftp('told', 'Subsystem sftp internal-sftp')],
  ['SFTP that tells no free bytes', () => overSftp('silent', 'Subsystem sftp internal-sftp -P statvfs')],
];

async function overSftp(name: string, line: string): Promise<SnapshotTarget> {
  const server = await bench.serve(name, { lines: [line] });
  return sftpTarget(
    {
      kind: 'sftp',
      name,
      host: '127.0.0.1',
      port: server.port,
      user: bench.user,
      path: disk,
      identityFile: bench.key,
      hostKeys: 'strict',
      knownHosts: [bench.knownHosts(`${name}-known`, server)],
    },
    createSftpOpener(),
  );
}

if (!canMount) {
  test.skip('no tmpfs could be mounted (not root): no disk was filled', () => undefined);
}

(canMount ? describe : describe.skip).each(TARGETS)('on a full disk, %s', (what, open) => {
  let target: SnapshotTarget;
  const doesTell = !what.includes('no free bytes');
  beforeAll(async () => {
    target = await open();
    await target.put('a.db', stream(Buffer.from('old')), 3);
  });
  afterEach(() => rmSync(join(disk, 'filler'), { force: true }));
  afterAll(() => target.close());

  const expectFault = async (promise: Promise<void>): Promise<void> => {
    const error = await fault(promise);
    expect(error.code).toBe('STEP');
    expect(error.message.startsWith(`${target.label}: `)).toBe(true);
    expect(error.message).toMatch(
      doesTell ? /no room for a\.db\. It needs \d+ bytes, and \d+ are free\./ : /a\.db: the server failed/,
    );
    expect((await target.list()).find(({ name }) => name === 'a.db')?.bytes).toBe(3);
    expect(readdirSync(disk).filter((name) => name.startsWith('.'))).toEqual([]);
  };

  test('says so before it writes', async () => {
    await expectFault(target.put('a.db', stream(randomBytes(9 * MIB)), 9 * MIB));
  });

  test('removes its part when the disk fills up on the way', async () => {
    await expectFault(target.put('a.db', filling(randomBytes(6 * MIB)), 6 * MIB));
  });
});
