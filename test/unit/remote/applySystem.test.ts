import { jest } from '@jest/globals';
import { mkdirSync, symlinkSync } from 'node:fs';
import type { Action, Step } from '../../../src/model/plan.ts';
import { applyPayload, parseApply } from '../../../src/remote/apply.ts';
import { apply, applyInput, content, fileStep, ownedOf, pairStep, PAIRS, step, unitStep } from './steps.ts';
import { isRoot, ONLY_SH, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

const STARTED = '/var/lib/kbin/started/kubelet.service';

/** systemctl that writes down what it is asked, and fails for the verbs in $KBIN_ROOT/broken. */
function withSystemd(box: Sandbox): Sandbox {
  box.recorder(
    'systemctl',
    `case " $(cat "$KBIN_ROOT/broken" 2>/dev/null) " in *" $1 "*) echo "systemctl $1 is broken" >&2; exit 1;; esac
     case $* in
     *NeedDaemonReload*) echo "NeedDaemonReload=$(cat "$KBIN_ROOT/stale-units" 2>/dev/null || echo no)";;
     *ActiveState*) echo "ActiveState=$(cat "$KBIN_ROOT/active-state" 2>/dev/null || echo inactive)";;
     *--type=swap*) printf 'dev-sda2.swap loaded active active Swap\\n';;
     esac`,
  );
  box.recorder('journalctl', `printf 'first line\\nfail drift not-a-step\\nlast line\\n'`);
  return box;
}

describe.each(SHELLS)('in $name', ({ argv }) => {
  test('a unit is enabled, restarted and stamped with what it was started with', async () => {
    const box = withSystemd(sandbox());
    const result = await apply(box, applyInput([unitStep('kubelet.service', { enable: true })]), argv);
    expect(result.failed).toBeUndefined();
    expect(box.calls()).toEqual([
      'systemctl show -p NeedDaemonReload -- kubelet.service',
      'systemctl enable --no-reload -- kubelet.service',
      'systemctl reset-failed -- kubelet.service',
      'systemctl restart -- kubelet.service',
    ]);
    expect(box.read(STARTED)).toBe(`${'d'.repeat(64)}\n`);
  });

  test('a queued start does not wait', async () => {
    const box = withSystemd(sandbox());
    await apply(box, applyInput([unitStep('etcd.service', { verb: 'start', start: 'queued' })]), argv);
    expect(box.calls().at(-1)).toBe('systemctl start --no-block -- etcd.service');
  });

  test('new unit files are loaded once, before the first unit', async () => {
    const box = withSystemd(sandbox());
    const paths = ['/etc/systemd/system/kubelet.service', '/etc/systemd/system/kube-proxy.service'];
    const steps = [...paths.map((path) => fileStep(path)), unitStep('kubelet.service'), unitStep('kube-proxy.service')];
    const bodies = Object.fromEntries(paths.map((path) => [`file:${path}`, content(path)]));
    expect((await apply(box, applyInput(steps, bodies), argv)).done).toHaveLength(4);
    expect(box.calls().filter((call) => call === 'systemctl daemon-reload')).toHaveLength(1);
    expect(box.calls()[0]).toBe('systemctl daemon-reload');
  });

  test('a unit file that an earlier run left unloaded is loaded', async () => {
    const box = withSystemd(sandbox());
    box.write('/stale-units', 'yes\n');
    await apply(box, applyInput([unitStep('kubelet.service')]), argv);
    expect(box.calls().slice(0, 2)).toEqual([
      'systemctl show -p NeedDaemonReload -- kubelet.service',
      'systemctl daemon-reload',
    ]);
  });

  test('a unit that does not start fails with its journal, its stamp says nothing, and nothing follows', async () => {
    const box = withSystemd(sandbox());
    box.write('/broken', 'restart');
    box.write(STARTED, 'an older digest\n');
    const result = await apply(box, applyInput([unitStep('kubelet.service'), unitStep('kube-proxy.service')]), argv);
    expect(result).toMatchObject({
      done: [],
      truncated: false,
      failed: {
        step: 'cp-1/unit:kubelet.service',
        reason: 'failed',
        code: 70,
        message: 'systemctl restart is broken',
        journal: ['first line', 'fail drift not-a-step', 'last line'],
      },
    });
    expect(box.read(STARTED)).toBe('unknown\n');
    expect(box.calls().some((call) => call.endsWith('-- kube-proxy.service') && call.includes('restart'))).toBe(false);
  });

  test('a unit is stopped, disabled and no longer stamped', async () => {
    const box = withSystemd(sandbox());
    box.write(STARTED, 'digest\n');
    const result = await apply(
      box,
      applyInput([step({ do: 'stop', unit: 'kubelet.service' }, 'stop:kubelet.service')]),
      argv,
    );
    expect(result.failed).toBeUndefined();
    expect(box.calls()).toContain('systemctl stop -- kubelet.service');
    expect(box.calls()).toContain('systemctl disable --no-reload -- kubelet.service');
    expect(box.has(STARTED)).toBe(false);
  });

  test('a unit that goes on running is not called stopped', async () => {
    const box = withSystemd(sandbox());
    box.write('/active-state', 'deactivating\n');
    const result = await apply(
      box,
      applyInput([step({ do: 'stop', unit: 'kubelet.service' }, 'stop:kubelet.service')]),
      argv,
    );
    expect(result.failed).toMatchObject({ step: 'cp-1/stop:kubelet.service', reason: 'failed' });
  });

  const image = (reference: string): Step =>
    step(
      {
        do: 'image',
        sha256: 'f'.repeat(64),
        bytes: 1,
        compressedBytes: 1,
        image: {
          id: 'image:pause',
          kind: 'image',
          phase: 'runtime',
          reference,
          artifact: { type: 'image', component: 'pause', version: '3.10', arch: 'amd64', name: reference },
        },
      },
      'image:pause',
    );
  const archive = `/var/lib/kbin/staging/objects/${'f'.repeat(64)}`;
  const ctr = `#!/bin/sh\nprintf 'ctr %s\\n' "$*" >>"$KBIN_ROOT/calls"\ncase $* in *list*) echo registry.k8s.io/pause:3.10;; esac\n`;

  test('an image is imported and its archive removed', async () => {
    const box = sandbox();
    box.write('/opt/bin/ctr', ctr, 0o755);
    box.write(archive, 'archive');
    const result = await apply(
      box,
      applyInput([image('registry.k8s.io/pause:3.10')], {}, { binDir: '/opt/bin' }),
      argv,
    );
    expect(result.failed).toBeUndefined();
    expect(box.calls()[0]).toBe(`ctr --connect-timeout 10s -n k8s.io images import .${archive}`);
    expect(box.has(archive)).toBe(false);
  });

  test('an archive without the wanted image fails and stays', async () => {
    const box = sandbox();
    box.write('/usr/local/bin/ctr', ctr, 0o755);
    box.write(archive, 'archive');
    const result = await apply(box, applyInput([image('registry.k8s.io/pause:3.11')]), argv);
    expect(result.failed?.message).toContain('the archive holds no image registry.k8s.io/pause:3.11');
    expect(box.has(archive)).toBe(true);
  });

  const kernel = (modules: string[], sysctls: Record<string, string>): Step =>
    step(
      { do: 'kernel', kernel: { id: 'kernel:', kind: 'kernel', phase: 'host', modules, sysctls, swapOff: false } },
      'kernel:',
    );

  test('sysctls are written one by one, and the refused ones are named', async () => {
    const box = sandbox();
    box.write('/proc/sys/net/ipv4/ip_forward', '0\n');
    box.write('/proc/sys/net/ipv4/tcp_rmem', '1\t2\t3\n');
    mkdirSync(box.at('/proc/sys/kernel/panic'), { recursive: true });
    const wanted = {
      'net.ipv4.ip_forward': '1',
      'kernel.panic': '10',
      'net.ipv4.tcp_rmem': '1 2 3',
      'vm.overcommit_memory': '1',
    };
    mkdirSync(box.at('/proc/sys/vm'));
    const result = await apply(box, applyInput([kernel([], wanted)]), argv);
    expect(box.read('/proc/sys/net/ipv4/ip_forward')).toBe('1\n');
    expect(box.read('/proc/sys/vm/overcommit_memory')).toBe('1\n');
    expect(box.read('/proc/sys/net/ipv4/tcp_rmem')).toBe('1\t2\t3\n');
    expect(result.failed?.message).toBe('the kernel refuses: kernel/panic');
  });

  test('modules that are loaded or part of the kernel need no loading', async () => {
    const box = sandbox();
    mkdirSync(box.at('/sys/module/br_netfilter'), { recursive: true });
    box.write('/proc/modules', '');
    box.write('/proc/sys/kernel/osrelease', '6.1.0\n');
    box.write('/proc/filesystems', 'nodev\tsysfs\nnodev\toverlay\n');
    box.write('/lib/modules/6.1.0/modules.builtin', 'kernel/net/netfilter/nf-conntrack.ko\n');
    const modules = ['br-netfilter', 'overlay', 'nf_conntrack'];
    expect((await apply(box, applyInput([kernel(modules, {})]), argv)).failed).toBeUndefined();
    const result = await apply(box, applyInput([kernel(['no_such_thing', 'overlay', 'nor_this'], {})]), argv);
    expect(result.failed?.message).toContain('cannot be loaded: no_such_thing nor_this');
  });

  test('a kernel that loads no modules at all has what it has', async () => {
    const box = sandbox();
    expect((await apply(box, applyInput([kernel(['overlay'], {})]), argv)).failed).toBeUndefined();
  });

  const removeStep = (path: string): Step => step({ do: 'remove', path }, `remove:${path}`);

  test('what is removed is exactly what was asked, and directories only when they are empty', async () => {
    const box = sandbox();
    box.write('/etc/kubernetes/a', 'a');
    box.write('/etc/kubernetes/b', 'b');
    box.write('/opt/kbin/etcd/1/etcd', 'x');
    mkdirSync(box.at('/etc/empty'));
    symlinkSync('/etc/kubernetes', box.at('/etc/link'));
    const paths = [
      '/etc/kubernetes/a',
      '/etc/empty',
      '/etc/kubernetes',
      '/etc/link',
      '/opt/kbin/etcd/1/etcd',
      '/etc/gone',
    ];
    const result = await apply(box, applyInput(paths.map(removeStep), {}, { owned: ownedOf(paths) }), argv);
    expect(result.failed).toBeUndefined();
    expect(result.done).toHaveLength(paths.length);
    expect(box.list('/etc')).toEqual(['kubernetes']);
    expect(box.list('/etc/kubernetes')).toEqual(['b']);
    expect(box.list('/opt/kbin/etcd/1')).toEqual([]);
  });

  test('removing a pair removes its keys', async () => {
    const box = sandbox();
    const path = '/etc/kubernetes/pki/apiserver';
    const pair = (name: string) => ({ [`pair:${path}`]: { certificate: Buffer.from(name), key: Buffer.from('key') } });
    await apply(box, applyInput([pairStep(path)], pair('one')), argv);
    await apply(box, applyInput([pairStep(path)], pair('two')), argv);
    box.write(`${PAIRS}/other.0123456789abcdef/tls.key`, 'key');
    const result = await apply(box, applyInput([removeStep(path)], {}, { owned: ownedOf([path]) }), argv);
    expect(result.failed).toBeUndefined();
    expect(box.list(PAIRS)).toEqual(['other.0123456789abcdef']);
    expect(box.list('/etc/kubernetes/pki')).toEqual(['.pairs']);
  });

  test('a lower fencing token changes nothing', async () => {
    const box = sandbox();
    const input = (token: number, text: string) =>
      applyInput([fileStep('/etc/a')], { 'file:/etc/a': content(text) }, { token, owned: ownedOf([text]) });
    expect((await apply(box, input(7, 'seven'), argv)).failed).toBeUndefined();
    expect((await apply(box, input(7, 'seven again'), argv)).failed).toBeUndefined();
    const stale = await apply(box, input(6, 'six'), argv);
    expect(stale).toMatchObject({ done: [], exitCode: 77, failed: { step: 'setup', reason: 'stale', code: 77 } });
    expect(box.read('/etc/a')).toBe('seven again');
    expect(JSON.parse(box.read('/var/lib/kbin/owned.json'))).toEqual(ownedOf(['seven again']));
    expect((await apply(box, input(10, 'ten'), argv)).failed).toBeUndefined();
    expect(box.list('/var/lib/kbin/fence')).toEqual(['10']);
  });

  test('a run that is taken over stops before its next step', async () => {
    const box = withSystemd(sandbox());
    // The other run comes while this one restarts its first unit.
    box.recorder('systemctl', 'case $1 in restart) mkdir "$KBIN_ROOT/var/lib/kbin/fence/6";; esac');
    const result = await apply(box, applyInput([unitStep('a.service'), unitStep('b.service')]), argv);
    expect(result).toMatchObject({
      done: ['cp-1/unit:a.service'],
      exitCode: 77,
      failed: { step: 'cp-1/unit:b.service', reason: 'stale' },
    });
  });

  test('a staging directory that is a symbolic link is refused', async () => {
    const box = sandbox();
    mkdirSync(box.at('/elsewhere'));
    mkdirSync(box.at('/var/lib/kbin'), { recursive: true });
    symlinkSync(box.at('/elsewhere'), box.at('/var/lib/kbin/staging'));
    const result = await apply(box, applyInput([fileStep('/etc/a')], { 'file:/etc/a': content('a') }), argv);
    expect(result).toMatchObject({ truncated: false, failed: { step: 'setup', reason: 'failed' } });
    expect(result.failed?.message).toContain('is a symbolic link');
    expect(box.list('/elsewhere')).toEqual([]);
  });

  test('an archive that is cut off changes nothing', async () => {
    const box = sandbox();
    const payload = await applyPayload(
      applyInput([fileStep('/etc/a')], { 'file:/etc/a': content('a'.repeat(10_000)) }),
    );
    const input = payload.input.subarray(0, payload.input.length / 2);
    const result = parseApply(await box.run(payload.script, { input, shell: argv }));
    expect(result.failed).toMatchObject({ step: 'setup', reason: 'failed' });
    expect(box.has('/etc/a')).toBe(false);
    expect(box.list('/var/lib/kbin/staging')).toEqual([]);
  });

  test('two applies of one run work side by side', async () => {
    const box = sandbox();
    const paths = Array.from({ length: 6 }, (_, index) => `/etc/side/${index}`);
    const results = await Promise.all(
      paths.map((path) => apply(box, applyInput([fileStep(path)], { [`file:${path}`]: content(path) }), argv)),
    );
    expect(results.map((result) => result.done.length)).toEqual(paths.map(() => 1));
    expect(box.list('/etc/side')).toHaveLength(paths.length);
    expect(box.list('/var/lib/kbin/staging')).toEqual([]);
  });
});

describe.each(ONLY_SH)('with fakes of programs that busybox has itself, in $name', ({ argv }) => {
  const user = (): Step =>
    step(
      { do: 'user', user: { id: 'user:etcd', kind: 'user', phase: 'host', name: 'etcd', home: '/var/lib/etcd' } },
      'user:etcd',
    );

  test('a missing user is made without a shell, an existing one left alone', async () => {
    const box = sandbox();
    box.recorder('useradd', `echo 'etcd:x:990:990::/:/bin/false' >>"$KBIN_ROOT/etc/passwd"`);
    box.write('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
    for (const turn of [1, 2])
      expect([turn, (await apply(box, applyInput([user()]), argv)).failed]).toEqual([turn, undefined]);
    expect(box.calls()).toEqual([
      'useradd --system --user-group --no-create-home --home-dir /var/lib/etcd --shell /bin/false -- etcd',
    ]);
  });

  test('swap goes off for good, and the lines of fstab stay as comments', async () => {
    const box = withSystemd(sandbox());
    box.recorder('swapoff');
    const fstab =
      'UUID=1 / ext4 defaults 0 1\n# /dev/old none swap sw 0 0\n/dev/sda2  none\tswap sw 0 0\n/swap*file none swap';
    box.write('/etc/fstab', fstab);
    box.write('/etc/systemd/zram-generator.conf', '[zram0]\n');
    const kernel: Action = {
      do: 'kernel',
      kernel: { id: 'kernel:', kind: 'kernel', phase: 'host', modules: [], sysctls: {}, swapOff: true },
    };
    const result = await apply(
      box,
      applyInput([step(kernel, 'kernel:'), fileStep('/etc/a')], { 'file:/etc/a': content('a') }),
      argv,
    );
    expect(result).toMatchObject({ done: ['cp-1/kernel:', 'cp-1/file:/etc/a'] });
    expect(box.read('/etc/fstab')).toBe(
      'UUID=1 / ext4 defaults 0 1\n# /dev/old none swap sw 0 0\n# kbin: /dev/sda2  none\tswap sw 0 0\n# kbin: /swap*file none swap\n',
    );
    expect(box.read('/var/lib/kbin/previous/etc%2Ffstab')).toBe(fstab);
    expect(box.read('/etc/systemd/zram-generator.conf')).toBe('');
    expect(box.read('/var/lib/kbin/previous/etc%2Fsystemd%2Fzram-generator.conf')).toBe('[zram0]\n');
    expect(box.calls()).toContain('swapoff -a');
    expect(box.calls()).toContain('systemctl mask -- dev-sda2.swap dev-sda2.swap');
  });

  test('a module is loaded with modprobe', async () => {
    const box = sandbox();
    box.recorder('modprobe');
    box.write('/proc/modules', '');
    const kernel: Action = {
      do: 'kernel',
      kernel: { id: 'kernel:', kind: 'kernel', phase: 'host', modules: ['br_netfilter'], sysctls: {}, swapOff: false },
    };
    expect((await apply(box, applyInput([step(kernel, 'kernel:')]), argv)).failed).toBeUndefined();
    expect(box.calls()).toEqual(['modprobe -- br_netfilter']);
  });
});

test('what was written is compared with what was sent before it is renamed', async () => {
  const box = sandbox();
  // A disk that loses bytes: cat writes something else.
  box.fake('cat', 'case $2 in *body1) echo damaged;; *) exec /bin/cat "$@";; esac');
  const result = await apply(
    box,
    applyInput([fileStep('/etc/a'), fileStep('/etc/b')], { 'file:/etc/a': content('a'), 'file:/etc/b': content('b') }),
  );
  expect(result.failed).toMatchObject({ step: 'cp-1/file:/etc/a', reason: 'failed' });
  expect(result.failed?.message).toContain('what was written is not what was sent');
  expect(box.list('/etc')).toEqual([]);
});

test.each([
  ['/etc/kubernetes/not-ours', 'was not written by kbin'],
  ['/boot/vmlinuz', 'is not below'],
  ['/', 'plain path'],
  ['/etc/../boot', 'plain path'],
  ['', 'absolute'],
])('removing %j is refused before anything is sent', async (path, words) => {
  const owned = ownedOf(['/boot/vmlinuz', '/', '/etc/../boot', '']);
  const payload = applyPayload(applyInput([step({ do: 'remove', path }, 'remove')], {}, { owned }));
  await expect(payload).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining(words) });
});

test('a step of another host and a step that runs elsewhere are refused', async () => {
  const foreign = { ...fileStep('/etc/a'), host: 'cp-2' };
  await expect(applyPayload(applyInput([foreign]))).rejects.toMatchObject({ code: 'REFUSED' });
  const issue = step({ do: 'issue-key', spec: { name: 'sa', algorithm: 'ECDSA-P256' } }, 'issue');
  await expect(applyPayload(applyInput([issue]))).rejects.toMatchObject({ code: 'REFUSED' });
});

test('a secret is in the archive and nowhere else', async () => {
  const poison = 'POISON-7f3a';
  const path = '/etc/kubernetes/pki/x';
  const payload = await applyPayload(
    applyInput([fileStep('/etc/a', 'absent', '0600'), pairStep(path)], {
      'file:/etc/a': content(poison),
      [`pair:${path}`]: { certificate: Buffer.from('crt'), key: Buffer.from(poison) },
    }),
  );
  expect(payload.script).not.toContain(poison);
  const { gunzipSync } = await import('node:zlib');
  const archive = gunzipSync(payload.input);
  expect(archive.includes(poison)).toBe(true);
  // The command file itself holds hashes only: what sh reads could show up in a trace.
  expect(archive.subarray(archive.indexOf('exec 3>&1')).includes(poison)).toBe(false);
});

test('a secret is in no argument and no environment of anything that runs, and in no answer', async () => {
  const box = sandbox();
  const poison = 'POISON-7f3a';
  for (const tool of ['cat', 'chmod', 'chown', 'mv', 'sync', 'sha256sum', 'tar', 'mkdir', 'rm'])
    box.fake(tool, `{ printf '%s\\n' "$0 $*"; env; } >>"$KBIN_ROOT/seen"\nPATH=/usr/bin:/bin\nexec ${tool} "$@"`);
  const payload = await applyPayload(
    applyInput([fileStep('/etc/a', 'absent', '0600')], { 'file:/etc/a': content(poison) }),
  );
  const output = await box.run(payload.script, { input: payload.input });
  expect(parseApply(output).failed).toBeUndefined();
  expect(box.read('/etc/a')).toBe(poison);
  expect(box.read('/seen')).toContain('/etc/.a.');
  for (const text of [box.read('/seen'), output.stdout, output.stderr]) expect(text).not.toContain(poison);
});

test('an answer without its end is truncated, whatever it says before', () => {
  const output = (stdout: string, exitCode = 0) => parseApply({ stdout, stderr: '', exitCode });
  expect(output('done a\ndone b\n')).toEqual({ done: ['a', 'b'], truncated: true });
  expect(output('done a\n%en')).toMatchObject({ done: ['a'], truncated: true });
  expect(output('')).toEqual({ done: [], truncated: true });
  expect(output('done a\n%end\n')).toEqual({ done: ['a'], truncated: false });
  expect(output('done a\n%end\n', 141)).toEqual({ done: ['a'], truncated: true });
});

test('messages are the end of what the tools said', () => {
  const result = parseApply({
    stdout: 'fail failed a b\n%end\n',
    stderr: `${'x'.repeat(5000)}the end\n`,
    exitCode: 70,
  });
  expect(result.failed).toMatchObject({ step: 'a b', code: 70 });
  expect(result.failed?.message).toHaveLength(2000);
  expect(result.failed?.message.endsWith('the end')).toBe(true);
});

(isRoot ? test : test.skip)('a staging directory of another user is refused', async () => {
  const box = sandbox();
  mkdirSync(box.at('/var/lib/kbin/staging'), { recursive: true });
  const { chownSync } = await import('node:fs');
  chownSync(box.at('/var/lib/kbin/staging'), 12345, 12345);
  const result = await apply(box, applyInput([]));
  expect(result.failed?.message).toContain('belongs to another user');
});
