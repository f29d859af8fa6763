import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { journalScript } from '../../../src/remote/journal.ts';
import { parseReset, resetScript } from '../../../src/remote/reset.ts';
import { codeOf, ownedOf } from './steps.ts';
import { isRoot, ONLY_SH, removeSandboxes, sandbox, SHELLS, until, type Sandbox } from './sandbox.ts';

jest.setTimeout(60_000);
afterEach(removeSandboxes);

/** Programs that would change this very machine are faked in every shell; busybox has none of these itself. */
function host(): Sandbox {
  const box = sandbox();
  for (const tool of ['nft', 'iptables-save', 'ip6tables-save', 'iptables-restore', 'ip6tables-restore', 'journalctl'])
    box.recorder(tool);
  box.recorder(
    'systemctl',
    `case $* in *ActiveState*) echo "ActiveState=$(cat "$KBIN_ROOT/active-state" 2>/dev/null || echo inactive)";; esac`,
  );
  box.write('/var/lib/kbin/owned.json', '{}');
  return box;
}

const PATHS = [
  '/etc/kubernetes',
  '/etc/kubernetes/a.conf',
  '/opt/kbin',
  '/usr/local/bin/kubelet',
  '/var/lib/etcd',
  '/var/log/kubernetes',
];

function filled(): Sandbox {
  const box = host();
  for (const path of [
    '/etc/kubernetes/a.conf',
    '/opt/kbin/etcd/1/etcd',
    '/var/lib/etcd/member/wal/0',
    '/var/log/kubernetes/audit.log',
  ])
    box.write(path, 'x');
  box.write('/etc/other', 'not ours');
  mkdirSync(box.at('/usr/local/bin'), { recursive: true });
  symlinkSync('/opt/kbin/kubelet', box.at('/usr/local/bin/kubelet'));
  return box;
}

describe.each(SHELLS)('in $name', ({ argv }) => {
  const reset = async (box: Sandbox, paths: string[], units: string[] = []) => {
    const output = await box.run(resetScript(ownedOf(paths, units)), { shell: argv });
    return { ...parseReset(output), exitCode: output.exitCode, stderr: output.stderr };
  };

  test('exactly what is owned goes, and its own directory last', async () => {
    const box = filled();
    const result = await reset(box, PATHS);
    expect(result).toMatchObject({ exitCode: 0, failed: [], truncated: false, kept: ['/var/log/kubernetes'] });
    expect([...result.removed].sort()).toEqual(
      [
        '/etc/kubernetes',
        '/etc/kubernetes/a.conf',
        '/opt/kbin',
        '/usr/local/bin/kubelet',
        '/var/lib/etcd',
        '/var/lib/kbin',
      ].sort(),
    );
    expect(result.removed.at(-1)).toBe('/var/lib/kbin');
    expect(box.read('/etc/other')).toBe('not ours');
    expect(box.has('/var/log/kubernetes/audit.log')).toBe(true);
    expect(box.list('/var/lib')).toEqual([]);
  });

  test('what a run was writing when the power failed goes too, and nothing that looks like it', async () => {
    const box = filled();
    box.write('/etc/kubernetes/.a.conf.20261120T130501-a1b2c3-4711', 'half');
    symlinkSync('x', box.at('/usr/local/bin/.kubelet.20261120T130501-a1b2c3-4711'));
    box.write('/usr/local/bin/.kubelet.old', 'mine');
    expect(await reset(box, PATHS)).toMatchObject({ exitCode: 0, kept: ['/var/log/kubernetes'] });
    expect(box.list('/usr/local/bin')).toEqual(['.kubelet.old']);
    expect(box.has('/etc/kubernetes')).toBe(false);
  });

  test('a directory with something else in it is kept', async () => {
    const box = filled();
    box.write('/etc/kubernetes/mine.yaml', 'mine');
    expect((await reset(box, PATHS)).kept).toContain('/etc/kubernetes');
    expect(box.list('/etc/kubernetes')).toEqual(['mine.yaml']);
  });

  test('a directory of data that is not owned is not touched', async () => {
    const box = filled();
    await reset(
      box,
      PATHS.filter((path) => path !== '/var/lib/etcd'),
    );
    expect(box.has('/var/lib/etcd/member/wal/0')).toBe(true);
  });

  test('units are stopped and disabled first, then systemd forgets them', async () => {
    const box = filled();
    box.write('/etc/systemd/system/kubelet.service', 'unit');
    const result = await reset(box, ['/etc/systemd/system/kubelet.service'], ['kubelet.service', 'etcd.service']);
    expect(result.failed).toEqual([]);
    expect(box.calls().filter((call) => call.startsWith('systemctl'))).toEqual([
      'systemctl stop -- kubelet.service etcd.service',
      'systemctl disable --no-reload -- kubelet.service etcd.service',
      'systemctl show -p ActiveState -- kubelet.service',
      'systemctl show -p ActiveState -- etcd.service',
      'systemctl daemon-reload',
      'systemctl reset-failed',
    ]);
  });

  test('a reset that failed keeps the list of what is owned, so that it can be run again', async () => {
    const box = filled();
    box.write('/active-state', 'active');
    const result = await reset(box, PATHS, ['kubelet.service']);
    expect(result).toMatchObject({ exitCode: 70, failed: ['kubelet.service does not stop'], truncated: false });
    expect(result.stderr).toContain('kubelet.service does not stop');
    expect(box.has('/var/lib/kbin/owned.json')).toBe(true);
    box.write('/active-state', 'inactive');
    expect((await reset(box, PATHS, ['kubelet.service'])).exitCode).toBe(0);
    expect(box.has('/var/lib/kbin')).toBe(false);
  });

  test('a second reset finds nothing to do', async () => {
    const box = filled();
    await reset(box, PATHS);
    expect(await reset(box, PATHS)).toMatchObject({ exitCode: 0, removed: [], failed: [] });
  });

  test('what the programs wrote goes with their units, and not without', async () => {
    const box = filled();
    for (const path of ['/var/lib/containerd/io/x', '/run/flannel/subnet.env', '/var/lib/cni/results/x'])
      box.write(path, 'x');
    await reset(box, [], ['containerd.service']);
    expect([box.has('/var/lib/containerd'), box.has('/run/flannel'), box.has('/var/lib/cni')]).toEqual([
      false,
      true,
      true,
    ]);
    await reset(box, [], ['flanneld.service', 'kubelet.service']);
    expect([box.has('/run/flannel'), box.has('/var/lib/cni')]).toEqual([false, false]);
  });

  test('data that was put on another disk goes too', async () => {
    const box = filled();
    for (const name of ['member', '.hidden', '..odd']) box.write(`/data/etcd/${name}`, 'x');
    execFileSync('rm', ['-r', box.at('/var/lib/etcd')]);
    symlinkSync('../../data/etcd', box.at('/var/lib/etcd'));
    expect((await reset(box, PATHS)).failed).toEqual([]);
    expect(box.list('/data/etcd')).toEqual([]);
    expect(box.has('/var/lib/etcd')).toBe(false);
  });

  test('the rules of kube-proxy go, those of others stay', async () => {
    const box = filled();
    box.recorder(
      'iptables-save',
      `printf '%s\\n' '*nat' ':KUBE-SERVICES - [0:0]' ':DOCKER - [0:0]' '-A KUBE-SERVICES -j x' '-A POSTROUTING -s 1 -j FLANNEL-POSTRTG' COMMIT`,
    );
    box.fake('iptables-restore', 'cat >"$KBIN_ROOT/restored"');
    expect((await reset(box, [], ['kube-proxy.service'])).failed).toEqual([]);
    expect(box.read('/restored')).toBe('*nat\n:DOCKER - [0:0]\nCOMMIT\n');
    expect(box.calls()).toContain('nft delete table ip kube-proxy');
    expect(box.calls()).toContain('nft delete table ip6 kube-proxy');
    expect(box.calls()).not.toContain('ip6tables-restore ');
  });
});

describe.each(ONLY_SH)('in $name', () => {
  test('interfaces of flannel go, others stay', async () => {
    const box = filled();
    box.recorder('ip');
    for (const name of ['eth0', 'cni0', 'flannel.1']) mkdirSync(box.at(`/sys/class/net/${name}`), { recursive: true });
    await box.run(resetScript(ownedOf([], ['flanneld.service'])));
    expect(box.calls().filter((call) => call.startsWith('ip '))).toEqual([
      'ip link delete cni0',
      'ip link delete flannel.1',
    ]);
  });

  test('containers that outlive their unit are ended, and only those', async () => {
    const box = filled();
    const start = () => box.spawn('exec sleep 600');
    const [pod, shim, other] = [start(), start(), start()] as const;
    try {
      box.write('/sys/fs/cgroup/kubepods.slice/a.slice/b.scope/deep/er/cgroup.procs', `${pod.pid}\n`);
      box.write('/sys/fs/cgroup/systemd/system.slice/containerd.service/cgroup.procs', `${shim.pid}\n`);
      box.write('/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs', `${other.pid}\n`);
      await box.run(resetScript(ownedOf([], ['containerd.service'])));
      await until('both are dead', () => pod.signalCode === 'SIGKILL' && shim.signalCode === 'SIGKILL');
      expect(other.signalCode).toBeNull();
    } finally {
      for (const child of [pod, shim, other]) child.kill('SIGKILL');
    }
  });

  (isRoot ? test : test.skip)('what is mounted below is unmounted, not removed', async () => {
    const box = filled();
    box.write('/volume/precious', 'data of a user');
    const place = '/var/lib/kubelet/pods/a b/volume';
    mkdirSync(box.at(place), { recursive: true });
    try {
      execFileSync('mount', ['--bind', box.at('/volume'), box.at(place)], { stdio: 'ignore' });
    } catch {
      return;
    }
    const output = await box.run(resetScript(ownedOf(['/var/lib/kubelet'], ['kubelet.service'])));
    expect(parseReset(output)).toMatchObject({ failed: [] });
    expect(box.has('/var/lib/kubelet')).toBe(false);
    expect(box.read('/volume/precious')).toBe('data of a user');
  });

  (isRoot ? test : test.skip)('a mount that stays keeps everything below from being removed', async () => {
    const box = filled();
    box.fake('umount', 'exit 1');
    box.write('/volume/precious', 'data of a user');
    mkdirSync(box.at('/var/lib/kubelet/volume'), { recursive: true });
    try {
      execFileSync('mount', ['--bind', box.at('/volume'), box.at('/var/lib/kubelet/volume')], { stdio: 'ignore' });
    } catch {
      return;
    }
    try {
      const output = await box.run(resetScript(ownedOf(['/var/lib/kubelet'], [])));
      expect(output.exitCode).toBe(70);
      expect(parseReset(output).failed).toHaveLength(2);
      expect(box.read('/volume/precious')).toBe('data of a user');
      expect(box.has('/var/lib/kbin/owned.json')).toBe(true);
    } finally {
      execFileSync('umount', [box.at('/var/lib/kubelet/volume')]);
    }
  });

  test('journal lines are asked for units by name', async () => {
    const box = host();
    await box.run(journalScript(['etcd.service', 'kubelet.service'], 20));
    expect(box.calls()).toEqual(['journalctl --no-pager -q -o short-iso -n 20 -u etcd.service -u kubelet.service']);
  });
});

test('a list that climbs is refused before anything is sent', () => {
  expect(codeOf(() => resetScript(ownedOf(['/etc/../boot'])))).toBe('REFUSED');
  expect(codeOf(() => resetScript(ownedOf(['/'])))).toBe('REFUSED');
  expect(codeOf(() => resetScript(ownedOf([], ['-x'])))).toBe('REFUSED');
});

test('an answer without its end is truncated', () => {
  expect(parseReset({ exitCode: 0, stdout: 'removed ./etc/a\n', stderr: '' })).toMatchObject({
    removed: ['/etc/a'],
    truncated: true,
  });
});
