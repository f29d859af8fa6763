import { jest } from '@jest/globals';
import { lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  PAIRS,
  apply,
  applyInput,
  content,
  directoryStep,
  fileStep,
  HOST,
  linkStep,
  ownedOf,
  pairStep,
  sha,
} from './steps.ts';
import { removeSandboxes, sandbox, SHELLS } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

describe.each(SHELLS)('in $name', ({ argv }) => {
  test('a missing file is written with its mode, and nothing else is left', async () => {
    const box = sandbox();
    const result = await apply(
      box,
      applyInput([fileStep('/etc/kubernetes/a.conf', 'absent', '0600')], {
        'file:/etc/kubernetes/a.conf': content('new\n'),
      }),
      argv,
    );
    expect(result).toMatchObject({ done: ['cp-1/file:/etc/kubernetes/a.conf'], truncated: false, exitCode: 0 });
    expect(result.failed).toBeUndefined();
    expect(box.read('/etc/kubernetes/a.conf')).toBe('new\n');
    expect(box.mode('/etc/kubernetes/a.conf')).toBe('0600');
    expect(box.list('/etc/kubernetes')).toEqual(['a.conf']);
    expect(box.list('/var/lib/kbin/staging')).toEqual([]);
    expect(box.mode('/var/lib/kbin/staging')).toBe('0700');
    expect(JSON.parse(box.read('/var/lib/kbin/owned.json'))).toEqual(ownedOf());
  });

  test('a changed file is replaced, not written into, and the generation before is kept', async () => {
    const box = sandbox();
    box.write('/etc/x.conf', 'old\n');
    const before = statSync(box.at('/etc/x.conf')).ino;
    const result = await apply(
      box,
      applyInput([fileStep('/etc/x.conf', sha('old\n'), '0755')], { 'file:/etc/x.conf': content('new\n') }),
      argv,
    );
    expect(result.failed).toBeUndefined();
    expect(box.read('/etc/x.conf')).toBe('new\n');
    expect(box.mode('/etc/x.conf')).toBe('0755');
    expect(statSync(box.at('/etc/x.conf')).ino).not.toBe(before);
    expect(box.read('/var/lib/kbin/previous/etc%2Fx.conf')).toBe('old\n');
    expect(box.mode('/var/lib/kbin/previous/etc%2Fx.conf')).toBe('0600');
    expect(box.mode('/var/lib/kbin/previous')).toBe('0700');
  });

  test('a file that changed since planning is drift, and no file of the apply is touched', async () => {
    const box = sandbox();
    box.write('/etc/a.conf', 'someone was here\n');
    const steps = [fileStep('/etc/first.conf', 'absent'), fileStep('/etc/a.conf', sha('as planned\n'))];
    const bodies = { 'file:/etc/first.conf': content('1'), 'file:/etc/a.conf': content('2') };
    const result = await apply(box, applyInput(steps, bodies), argv);
    expect(result.exitCode).toBe(76);
    expect(result.failed).toMatchObject({ step: 'cp-1/file:/etc/a.conf', reason: 'drift', code: 76 });
    expect(result.failed?.message).toContain('./etc/a.conf changed since planning');
    expect(result.done).toEqual([]);
    expect(box.read('/etc/a.conf')).toBe('someone was here\n');
    expect(box.list('/etc')).toEqual(['a.conf']);
  });

  test('a file that appeared since planning is drift', async () => {
    const box = sandbox();
    box.write('/etc/a.conf', 'surprise');
    const result = await apply(
      box,
      applyInput([fileStep('/etc/a.conf', 'absent')], { 'file:/etc/a.conf': content('2') }),
      argv,
    );
    expect(result.failed?.reason).toBe('drift');
  });

  test('a file that is already as wanted is done whatever was expected, and gets its mode', async () => {
    const box = sandbox();
    box.write('/etc/a.conf', 'same', 0o666);
    const before = statSync(box.at('/etc/a.conf')).ino;
    const result = await apply(
      box,
      applyInput([fileStep('/etc/a.conf', sha('other'), '0640')], { 'file:/etc/a.conf': content('same') }),
      argv,
    );
    expect(result).toMatchObject({ done: ['cp-1/file:/etc/a.conf'], exitCode: 0 });
    expect(statSync(box.at('/etc/a.conf')).ino).toBe(before);
    expect(box.mode('/etc/a.conf')).toBe('0640');
  });

  test('a symbolic link in the place of a file is replaced, not followed', async () => {
    const box = sandbox();
    box.write('/precious/data', 'precious');
    box.write('/precious/deep/data', 'precious');
    mkdirSync(box.at('/etc'));
    symlinkSync(box.at('/precious/data'), box.at('/etc/to-file'));
    symlinkSync(box.at('/precious/deep'), box.at('/etc/to-directory'));
    const steps = [fileStep('/etc/to-file'), fileStep('/etc/to-directory')];
    const bodies = { 'file:/etc/to-file': content('1'), 'file:/etc/to-directory': content('2') };
    const result = await apply(box, applyInput(steps, bodies), argv);
    expect(result.failed).toBeUndefined();
    expect(lstatSync(box.at('/etc/to-file')).isFile()).toBe(true);
    expect(lstatSync(box.at('/etc/to-directory')).isFile()).toBe(true);
    expect(box.read('/precious/data')).toBe('precious');
    expect(box.list('/precious/deep')).toEqual(['data']);
  });

  test('a directory in the place of a file fails that step, and the directory stays', async () => {
    const box = sandbox();
    box.write('/etc/a.conf/inside', 'x');
    const result = await apply(box, applyInput([fileStep('/etc/a.conf')], { 'file:/etc/a.conf': content('2') }), argv);
    expect(result.failed).toMatchObject({ reason: 'failed', code: 70, step: 'cp-1/file:/etc/a.conf' });
    expect(box.list('/etc')).toEqual(['a.conf']);
    expect(box.list('/etc/a.conf')).toEqual(['inside']);
  });

  test('names that a shell would read otherwise are written as they are', async () => {
    const box = sandbox();
    const names = [
      'a b',
      'q"u\'o',
      '$(touch pwned)',
      '`touch pwned`',
      '*',
      '-rf',
      'tab\there',
      'ünï',
      'back\\slash',
      '%s',
      '#c',
    ];
    const steps = names.map((name) => fileStep(`/etc/nasty/${name}`, 'absent'));
    const bodies = Object.fromEntries(names.map((name) => [`file:/etc/nasty/${name}`, content(`body of ${name}`)]));
    const result = await apply(box, applyInput(steps, bodies), argv);
    expect(result.failed).toBeUndefined();
    expect(result.done).toEqual(steps.map(({ id }) => id));
    expect(box.list('/etc/nasty')).toEqual([...names].sort());
    for (const name of names) expect(box.read(`/etc/nasty/${name}`)).toBe(`body of ${name}`);
    expect(box.has('pwned')).toBe(false);
  });

  test('a directory is made with parents, and an existing one gets its mode', async () => {
    const box = sandbox();
    mkdirSync(box.at('/var/lib/old'), { recursive: true, mode: 0o777 });
    const result = await apply(
      box,
      applyInput([directoryStep('/var/lib/new/deep', '0700'), directoryStep('/var/lib/old', '0750')]),
      argv,
    );
    expect(result.done).toHaveLength(2);
    expect(box.mode('/var/lib/new/deep')).toBe('0700');
    expect(box.mode('/var/lib/new')).toBe('0755');
    expect(box.mode('/var/lib/old')).toBe('0750');
  });

  test('a link is made, switched and left alone when it is right', async () => {
    const box = sandbox();
    const turn = (target: string) => apply(box, applyInput([linkStep('/usr/local/bin/kubelet', target)]), argv);
    for (const target of ['/opt/kbin/1/kubelet', '/opt/kbin/2/kubelet', '/opt/kbin/2/kubelet']) {
      expect((await turn(target)).done).toEqual(['cp-1/link:/usr/local/bin/kubelet']);
      expect(readlinkSync(box.at('/usr/local/bin/kubelet'))).toBe(target);
    }
    expect(box.list('/usr/local/bin')).toEqual(['kubelet']);
  });

  test('a link to a directory is switched, not entered', async () => {
    const box = sandbox();
    mkdirSync(box.at('/usr/x'), { recursive: true });
    symlinkSync(box.at('/usr/x'), box.at('/usr/current'));
    await apply(box, applyInput([linkStep('/usr/current', '/opt/y')]), argv);
    expect(readlinkSync(box.at('/usr/current'))).toBe('/opt/y');
    expect(box.list('/usr/x')).toEqual([]);
  });

  test('a pair is switched as one, the generation before stays and older ones go', async () => {
    const box = sandbox();
    const path = '/etc/kubernetes/pki/apiserver';
    const body = (name: string) => ({ certificate: Buffer.from(`crt ${name}`), key: Buffer.from(`key ${name}`) });
    const directory = (name: string) => `apiserver.${sha(`crt ${name}`).slice(0, 16)}`;
    box.write(`${PAIRS}/apiserver-etcd-client.0123456789abcdef/tls.key`, 'of another pair');
    box.write(`${PAIRS}/apiserver.not-a-digest-abc/tls.key`, 'not ours');
    for (const name of ['one', 'two', 'three']) {
      const result = await apply(box, applyInput([pairStep(path)], { [`pair:${path}`]: body(name) }), argv);
      expect(result).toMatchObject({ done: [`cp-1/pair:${path}`], exitCode: 0 });
      expect(readlinkSync(box.at(path))).toBe(`${PAIRS}/${directory(name)}`);
      expect(box.read(`${PAIRS}/${directory(name)}/tls.crt`)).toBe(`crt ${name}`);
      expect(box.read(`${PAIRS}/${directory(name)}/tls.key`)).toBe(`key ${name}`);
    }
    expect(box.list(PAIRS)).toEqual(
      [
        directory('two'),
        directory('three'),
        'apiserver-etcd-client.0123456789abcdef',
        'apiserver.not-a-digest-abc',
      ].sort(),
    );
    const home = `${PAIRS}/${directory('three')}`;
    expect([home, `${home}/tls.key`, `${home}/tls.crt`].map((path) => box.mode(path))).toEqual([
      '0700',
      '0600',
      '0600',
    ]);
  });

  test('programs that watch a pair by its files are told: what they watch is replaced by itself when the link is switched', async () => {
    const box = sandbox();
    const path = '/etc/kubernetes/pki/apiserver';
    const body = (name: string) => ({
      [`pair:${path}`]: { certificate: Buffer.from(name), key: Buffer.from(`key ${name}`) },
    });
    await apply(box, applyInput([pairStep(path)], body('one')), argv);
    const home = `${PAIRS}/apiserver.${sha('one').slice(0, 16)}`;
    const inodes = () => ['tls.crt', 'tls.key'].map((file) => statSync(box.at(`${home}/${file}`)).ino);
    const before = inodes();
    await apply(box, applyInput([pairStep(path)], body('one')), argv);
    expect(inodes()).toEqual(before);
    await apply(box, applyInput([pairStep(path)], body('two')), argv);
    expect(inodes()).not.toEqual(before);
    expect([box.read(`${home}/tls.crt`), box.read(`${home}/tls.key`)]).toEqual(['one', 'key one']);
    expect([box.mode(`${home}/tls.key`), box.list(home)]).toEqual(['0600', ['tls.crt', 'tls.key']]);
  });

  test('a damaged key of a pair is mended in place, and the generation before stays', async () => {
    const box = sandbox();
    const path = '/etc/kubernetes/pki/apiserver';
    const body = (name: string) => ({
      [`pair:${path}`]: { certificate: Buffer.from(name), key: Buffer.from(`key ${name}`) },
    });
    for (const name of ['one', 'two']) await apply(box, applyInput([pairStep(path)], body(name)), argv);
    const key = `${PAIRS}/apiserver.${sha('two').slice(0, 16)}/tls.key`;
    writeFileSync(box.at(key), 'damaged');
    expect((await apply(box, applyInput([pairStep(path)], body('two')), argv)).failed).toBeUndefined();
    expect(box.read(key)).toBe('key two');
    expect(box.list(PAIRS)).toHaveLength(2);
  });

  test('links come after the files that they point to', async () => {
    const box = sandbox();
    const path = '/etc/kubernetes/pki/apiserver';
    const steps = [linkStep('/usr/local/bin/a', '/opt/a'), pairStep(path), fileStep('/etc/a.conf')];
    const bodies = {
      'file:/etc/a.conf': content('a'),
      [`pair:${path}`]: { certificate: Buffer.from('c'), key: Buffer.from('k') },
    };
    const result = await apply(box, applyInput(steps, bodies), argv);
    expect(result.done).toEqual(
      ['file:/etc/a.conf', 'link:/usr/local/bin/a', `pair:${path}`].map((id) => `${HOST}/${id}`),
    );
  });
});

test.each([
  ['a line break', '/etc/a\nb'],
  ['a NUL byte', '/etc/a\0b'],
  ['a climbing part', '/etc/../root'],
  ['a relative path', 'etc/a'],
  ['the root itself', '/'],
])('a path with %s is refused before anything is sent', async (_what, path) => {
  const { applyPayload } = await import('../../../src/remote/apply.ts');
  await expect(applyPayload(applyInput([fileStep(path)], { [`file:${path}`]: content('x') }))).rejects.toMatchObject({
    code: 'REFUSED',
  });
});
