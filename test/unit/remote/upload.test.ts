import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { EXITS } from '../../../src/remote/exits.ts';
import { recordName } from '../../../src/remote/allowed.ts';
import { parseUpload, uploadScript, type UploadInput } from '../../../src/remote/upload.ts';
import { codeOf, sha } from './steps.ts';
import { ended, has, isRoot, removeSandboxes, sandbox, SHELLS, until, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

const TARGET = '/opt/kbin/kubernetes/v1.36.2/kubelet';
const CONTENT = Buffer.from('ELF '.repeat(50_000));
const STREAM = gzipSync(CONTENT);
const inputOf = (more: Partial<UploadInput> = {}): UploadInput => ({
  sha256: sha(CONTENT),
  bytes: CONTENT.length,
  target: TARGET,
  mode: '0755',
  run: 'run-1',
  token: 5,
  encoding: 'gzip',
  ...more,
});
const record = `/var/lib/kbin/verified/${recordName(TARGET)}`;
const folder = '/opt/kbin/kubernetes/v1.36.2';

describe.each(SHELLS)('in $name', ({ argv }) => {
  const upload = async (box: Sandbox, more: Partial<UploadInput> = {}, stream: Buffer = STREAM) =>
    parseUpload(await box.run(uploadScript(inputOf(more)), { input: stream, shell: argv }));

  test('an artifact is unpacked, verified, renamed and remembered', async () => {
    const box = sandbox();
    expect(await upload(box)).toEqual({ ok: true, state: 'written' });
    expect(box.read(TARGET)).toBe(CONTENT.toString());
    expect([box.mode(TARGET), box.mode(folder), box.mode('/var/lib/kbin')]).toEqual(['0755', '0755', '0700']);
    expect(box.list(folder)).toEqual(['kubelet']);
    expect(box.read(record)).toMatch(new RegExp(`^${sha(CONTENT)} ${CONTENT.length}\\|\\d+\\|.*\\|\\.${TARGET}\n$`));
  });

  (has('zstd') ? test : test.skip)('a stream of zstd is unpacked with zstd', async () => {
    const box = sandbox();
    const stream = execFileSync('zstd', ['-c'], { input: CONTENT });
    expect(await upload(box, { encoding: 'zstd' }, stream)).toEqual({ ok: true, state: 'written' });
    expect(await upload(box, { encoding: 'zstd', target: '/opt/b' }, stream.subarray(0, 20))).toMatchObject({
      ok: false,
      reason: 'truncated',
    });
  });

  test('kbin’s own directories are nobody else’s', async () => {
    const box = sandbox();
    const target = `/var/lib/kbin/staging/objects/${sha(CONTENT)}`;
    expect(await upload(box, { target, mode: '0600' })).toMatchObject({ ok: true });
    expect(box.mode('/var/lib/kbin/staging')).toBe('0700');
    expect(box.mode('/var/lib/kbin/staging/objects')).toBe('0700');
  });

  test('what is there already is present, without reading the stream', async () => {
    const box = sandbox();
    await upload(box);
    const child = box.spawn(uploadScript(inputOf()), { shell: argv });
    // Its input stays open and empty: only a script that does not wait for it can end.
    expect(parseUpload(await ended(child))).toEqual({ ok: true, state: 'present' });
  });

  test('what somebody else put there is hashed, remembered and gets its mode', async () => {
    const box = sandbox();
    box.write(TARGET, CONTENT, 0o600);
    expect(await upload(box)).toEqual({ ok: true, state: 'present' });
    expect(box.mode(TARGET)).toBe('0755');
    expect(box.read(record)).toContain(sha(CONTENT));
  });

  test('a run that was taken over sends nothing, neither at the start nor when its stream is in', async () => {
    const box = sandbox();
    box.write('/var/lib/kbin/fence/5/x', '');
    box.write(TARGET, 'of the later run');
    expect(await upload(box)).toMatchObject({ ok: true });
    box.write(TARGET, 'of the later run');
    box.write('/var/lib/kbin/fence/6/x', '');
    const stale = { ok: false, reason: 'stale', message: 'token 5 is older than 6' };
    expect(await upload(box)).toMatchObject(stale);
    expect(await upload(box, { token: 6 })).toMatchObject({ ok: true });
    box.write(TARGET, 'of the later run');
    const child = box.spawn(uploadScript(inputOf({ token: 6 })), { shell: argv });
    const over = ended(child);
    child.stdin?.write(STREAM.subarray(0, 20));
    await until('a staged file', () => box.list(folder).some((name) => name.endsWith('.part')));
    box.write('/var/lib/kbin/fence/7/x', '');
    child.stdin?.end(STREAM.subarray(20));
    expect(parseUpload(await over)).toMatchObject({ ...stale, message: 'token 6 is older than 7' });
    expect([box.read(TARGET), box.list(folder)]).toEqual(['of the later run', ['kubelet']]);
  });

  (isRoot ? test : test.skip)('what somebody else owns becomes root’s', async () => {
    const box = sandbox();
    box.write(TARGET, CONTENT, 0o777);
    chownSync(box.at(TARGET), 65534, 65534);
    expect(await upload(box)).toEqual({ ok: true, state: 'present' });
    const { uid, gid } = statSync(box.at(TARGET));
    expect([uid, gid, box.mode(TARGET)]).toEqual([0, 0, '0755']);
    // Its times changed with that, and it is not read again for it.
    expect(box.read(record)).toContain(sha(CONTENT));
  });

  test('a record does not hide that the file was changed', async () => {
    const box = sandbox();
    await upload(box);
    const damaged = Buffer.from(CONTENT);
    damaged[7] = 0;
    box.write(TARGET, damaged);
    utimesSync(box.at(TARGET), 1, 1);
    expect(await upload(box)).toEqual({ ok: true, state: 'written' });
    expect(box.read(TARGET)).toBe(CONTENT.toString());
  });

  test('a symbolic link in its place is replaced, not followed', async () => {
    const box = sandbox();
    box.write('/precious', CONTENT);
    mkdirSync(box.at(folder), { recursive: true });
    symlinkSync(box.at('/precious'), box.at(TARGET));
    expect(await upload(box)).toEqual({ ok: true, state: 'written' });
    box.write('/precious', 'changed');
    expect(box.read(TARGET)).toBe(CONTENT.toString());
  });

  test.each([
    ['a stream that breaks off', STREAM.subarray(0, STREAM.length / 2), {}, 'truncated'],
    ['no stream at all', Buffer.alloc(0), {}, 'truncated'],
    ['something that is not gzip', Buffer.from('no gzip'), {}, 'truncated'],
    ['another content of the same size', gzipSync(Buffer.alloc(CONTENT.length, 'x')), {}, 'corrupt'],
    ['a longer content', gzipSync(Buffer.concat([CONTENT, Buffer.from('more')])), {}, 'corrupt'],
    ['another hash', STREAM, { sha256: 'a'.repeat(64) }, 'corrupt'],
    ['more bytes than fit', STREAM, { bytes: 1e15 }, 'full'],
  ] as const)('%s leaves the old file alone and nothing beside it', async (_what, stream, more, reason) => {
    const box = sandbox();
    box.write(TARGET, 'the old one');
    const result = await upload(box, more, stream);
    expect(result).toMatchObject({ ok: false, reason });
    expect(box.read(TARGET)).toBe('the old one');
    expect(box.list(folder)).toEqual(['kubelet']);
    expect(box.has(record)).toBe(false);
  });

  test('uploads at once, of different and of the same file, all end well', async () => {
    const box = sandbox();
    const targets = ['a', 'b', 'c'].flatMap((name) => [`${folder}/${name}`, `${folder}/${name}`]);
    const results = await Promise.all(targets.map((target) => upload(box, { target })));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(box.list(folder)).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) {
      expect(box.read(`${folder}/${name}`)).toBe(CONTENT.toString());
      expect(await upload(box, { target: `${folder}/${name}` }, Buffer.alloc(0))).toEqual({
        ok: true,
        state: 'present',
      });
    }
    expect(box.list('/var/lib/kbin/verified')).toHaveLength(3);
  });

  test('what a killed upload left is swept up by the next, and only that', async () => {
    const box = sandbox();
    const child = box.spawn(uploadScript(inputOf({ run: 'run-0' })), { shell: argv });
    const over = ended(child);
    child.stdin?.write(STREAM.subarray(0, 20));
    await until('a staged file', () => box.list(folder).some((name) => name.endsWith('.part')));
    process.kill(-child.pid!, 'SIGKILL');
    await over;
    expect(box.list(folder)).toHaveLength(1);
    box.write(`${folder}/.kubelet.run-9.${process.pid}.part`, 'of a living process');
    expect(await upload(box)).toMatchObject({ ok: true });
    expect(box.list(folder)).toEqual([`.kubelet.run-9.${process.pid}.part`, 'kubelet']);
  });

  test('a client that goes away takes the staged file with it', async () => {
    const box = sandbox();
    const child = box.spawn(uploadScript(inputOf()), { shell: argv });
    const over = ended(child);
    child.stdin?.write(STREAM.subarray(0, 20));
    await until('a staged file', () => box.list(folder).some((name) => name.endsWith('.part')));
    child.stdin?.destroy();
    expect(parseUpload(await over)).toMatchObject({ ok: false, reason: 'truncated' });
    expect(box.list(folder)).toEqual([]);
  });
});

/** A filesystem of its own below the sandbox. */
function withMount(options: string, use: (box: Sandbox) => Promise<void>): () => Promise<void> {
  return async () => {
    const box = sandbox();
    mkdirSync(box.at('/opt/kbin'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'kbin-test', box.at('/opt/kbin')]);
    try {
      await use(box);
    } finally {
      execFileSync('umount', [box.at('/opt/kbin')]);
    }
  };
}

const canMount = ((): boolean => {
  if (!isRoot) return false;
  const box = sandbox();
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'kbin-test', box.root], { stdio: 'ignore' });
    execFileSync('umount', [box.root]);
    return true;
  } catch {
    return false;
  } finally {
    removeSandboxes();
  }
})();

// These need a filesystem of their own, so they are skipped where the tests may not mount one.
(canMount ? describe : describe.skip).each(SHELLS)('on a filesystem of its own, in $name', ({ argv }) => {
  const upload = async (box: Sandbox, more: Partial<UploadInput> = {}, stream: Buffer = STREAM) =>
    parseUpload(
      await box.run(uploadScript(inputOf({ target: '/opt/kbin/x', ...more })), { input: stream, shell: argv }),
    );

  test(
    'too little space is told before anything is written',
    withMount('size=100k', async (box) => {
      const result = await upload(box);
      expect(result).toMatchObject({
        ok: false,
        reason: 'full',
        message: expect.stringContaining('200000 are needed'),
      });
      expect(box.list('/opt/kbin')).toEqual([]);
    }),
  );

  test(
    'no inodes left is told apart from no space left',
    withMount('size=10m,nr_inodes=1', async (box) => {
      expect(await upload(box)).toMatchObject({ ok: false, reason: 'inodes' });
    }),
  );

  test(
    'a read-only filesystem is told apart',
    withMount('size=10m', async (box) => {
      execFileSync('mount', ['-o', 'remount,ro', box.at('/opt/kbin')]);
      expect(await upload(box)).toMatchObject({ ok: false, reason: 'read-only' });
      expect(await upload(box, { target: '/opt/kbin/deeper/x' })).toMatchObject({ ok: false, reason: 'read-only' });
    }),
  );

  test(
    'a disk that fills up meanwhile keeps the old file, and the staged one is removed',
    withMount('size=160k', async (box) => {
      box.write('/opt/kbin/x', 'the old one');
      // The size is announced too small, as when others fill the disk meanwhile.
      const script = uploadScript(inputOf({ target: '/opt/kbin/x' })).replaceAll(
        'if [ "$free" -lt "$bytes" ] || [ "$inodes" -lt 1 ]; then blocked; fi',
        '',
      );
      const output = await box.run(script, { input: STREAM, shell: argv });
      expect(parseUpload(output)).toMatchObject({ ok: false, reason: 'full', message: './opt/kbin is full' });
      expect(output.exitCode).toBe(EXITS.full);
      expect(box.list('/opt/kbin')).toEqual(['x']);
      expect(box.read('/opt/kbin/x')).toBe('the old one');
    }),
  );
});

test('an answer without its end is a failure', () => {
  expect(parseUpload({ exitCode: 0, stdout: 'written\n', stderr: '' })).toMatchObject({ ok: false, reason: 'failed' });
  expect(parseUpload({ exitCode: 0, stdout: '', stderr: '' })).toMatchObject({ ok: false });
  expect(parseUpload({ exitCode: 141, stdout: 'written\n%end\n', stderr: 'x\ny\n' })).toMatchObject({
    ok: false,
    message: 'y',
  });
});

test.each([
  ...[{ target: '/opt/../etc/passwd' }, { target: 'opt' }, { mode: '755' }, { run: '../x' }, { run: '' }],
  ...[{ token: -1 }, { token: NaN }],
])('%j is refused before anything is sent', (more) => {
  expect(codeOf(() => uploadScript(inputOf(more)))).toBe('REFUSED');
});
