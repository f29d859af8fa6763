import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Observation } from '../../../src/remote/observation.ts';
import { recordName } from '../../../src/remote/allowed.ts';
import { observeScript, parseObservation, type ObserveInput } from '../../../src/remote/observe.ts';
import { uploadScript } from '../../../src/remote/upload.ts';
import { codeOf, ownedOf, sha } from './steps.ts';
import { isRoot, ONLY_SH, OWNER, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

const inputOf = (more: Partial<ObserveInput> = {}): ObserveInput => ({
  paths: [],
  immutable: [],
  certificates: [],
  units: [],
  sysctls: [],
  modules: [],
  users: [],
  programs: [],
  images: false,
  leftovers: [],
  deep: false,
  ...more,
});

/** What the kernel and the distribution show of a machine. */
function machine(): Sandbox {
  const box = sandbox();
  const files: Record<string, string> = {
    '/proc/sys/kernel/hostname': 'cp-1\n',
    '/proc/sys/kernel/osrelease': '6.1.0-30-amd64\n',
    '/proc/sys/kernel/arch': 'aarch64\n',
    '/proc/sys/kernel/random/boot_id': '11111111-2222-3333-4444-555555555555\n',
    '/proc/1/comm': 'systemd\n',
    '/proc/meminfo': 'MemTotal:        4028416 kB\nMemFree:          100000 kB\n',
    '/proc/swaps':
      'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n/dev/sda2                               partition\t1\t0\t-2\n',
    '/proc/modules': 'overlay 1 1 - Live 0x0\n',
    '/sys/devices/system/cpu/online': '0-3,6\n',
    '/sys/class/dmi/id/product_uuid': 'ABC-DEF\n',
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/os-release': 'PRETTY_NAME="Ubuntu 24.04"\nID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\netcd:x:990:990::/:/bin/false\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
    '/sys/class/net/eth1/address': '52:54:00:00:00:02\n',
    '/sys/class/net/eth0/address': '52:54:00:AA:00:01\n',
    '/sys/class/net/lo/address': '00:00:00:00:00:00\n',
    '/sys/class/net/flannel.1/address': '66:54:00:00:00:01\n',
    '/sys/class/net/vethabc/address': '66:54:00:00:00:02\n',
    '/proc/net/tcp': `  sl  local_address rem_address   st
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:094B 0100007F:A0F4 01 00000000:00000000 00:00000000 00000000     0        0 1
`,
    '/proc/net/tcp6': `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000
`,
    '/proc/net/if_inet6': `00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 02 40 00 80     eth0
fe80000000000000fc000000fe000001 02 40 20 80     eth0
`,
    '/proc/net/fib_trie': `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.11
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
`,
    '/proc/self/mounts':
      '/dev/sda1 / ext4 rw,relatime 0 0\n/dev/sdb1 /var/lib/etcd ext4 ro,relatime 0 0\n/dev/sdc1 /opt/other ext4 ro 0 0\n',
  };
  for (const [path, text] of Object.entries(files)) box.write(path, text);
  for (const path of ['/sys/module/overlay', '/var/lib/etcd']) mkdirSync(box.at(path), { recursive: true });
  box.recorder('systemctl');
  box.fake('ss', '');
  return box;
}

async function observe(
  box: Sandbox,
  input: Partial<ObserveInput> = {},
  shell: readonly string[] = ['sh'],
): Promise<Observation & { stdout: string }> {
  const sentAt = Date.now();
  const output = await box.run(observeScript(inputOf(input)), { shell });
  expect(output.exitCode).toBe(0);
  return { ...parseObservation(output.stdout, { sentAt, receivedAt: Date.now() }), stdout: output.stdout };
}

describe.each(SHELLS)('in $name', ({ argv }) => {
  test('the machine is told as it is', async () => {
    const box = machine();
    const facts = await observe(box, { users: ['etcd', 'nobody-here'] }, argv);
    expect(facts).toMatchObject({
      hostname: 'cp-1',
      os: { id: 'ubuntu', version: '24.04', like: 'debian' },
      kernel: '6.1.0-30-amd64',
      arch: 'arm64',
      cpus: 5,
      memoryMiB: 3934,
      bootId: '11111111-2222-3333-4444-555555555555',
      machineId: '0123456789abcdef0123456789abcdef',
      productUuid: 'ABC-DEF',
      macs: ['52:54:00:00:00:02', '52:54:00:aa:00:01'],
      addresses: ['10.0.0.11', 'fd00::2'],
      cgroup: 2,
      init: 'systemd',
      swaps: ['/dev/sda2'],
      listening: [
        { port: 22, program: '' },
        { port: 6379, program: '' },
      ],
      users: ['etcd'],
      owned: null,
      images: [],
    });
  });

  test('the clock is within its uncertainty of ours', async () => {
    const { clock } = await observe(machine(), {}, argv);
    expect(Math.abs(clock.offsetSeconds)).toBeLessThanOrEqual(clock.uncertaintySeconds + 0.1);
  });

  test('disks have their space, and a mount that is read-only is told', async () => {
    const { disks } = await observe(machine(), {}, argv);
    expect(disks.map(({ path, readOnly }) => [path, readOnly])).toEqual([
      ['/var/lib', false],
      ['/var/lib/etcd', true],
      ['/opt', false],
      ['/', false],
    ]);
    for (const disk of disks) {
      expect(disk.freeBytes).toBeGreaterThan(0);
      expect(disk.totalBytes).toBeGreaterThan(disk.freeBytes);
      expect(disk.freeInodes).toBeGreaterThan(0);
    }
  });

  test('sysctls are normalized, and those that are missing are not told', async () => {
    const box = machine();
    box.write('/proc/sys/net/ipv4/ip_forward', '1\n');
    box.write('/proc/sys/net/ipv4/tcp_rmem', '4096\t131072\t6291456\n');
    box.write('/proc/sys/net/ipv4/conf/eth0.100/forwarding', '0\n');
    const sysctls = ['net.ipv4.ip_forward', 'net.ipv4.tcp_rmem', 'net/ipv4/conf/eth0.100/forwarding', 'vm.nothing'];
    expect((await observe(box, { sysctls }, argv)).sysctls).toEqual({
      'net.ipv4.ip_forward': '1',
      'net.ipv4.tcp_rmem': '4096 131072 6291456',
      'net/ipv4/conf/eth0.100/forwarding': '0',
    });
  });

  test('modules are loaded, part of the kernel, or missing', async () => {
    const box = machine();
    box.write('/lib/modules/6.1.0-30-amd64/modules.builtin', 'kernel/net/nf-conntrack.ko\nkernel/net/xvxlan.ko\n');
    box.write('/proc/filesystems', 'nodev\tsysfs\n\text4\n');
    const modules = ['overlay', 'nf_conntrack', 'ext4', 'vxlan', 'br_netfilter'];
    expect((await observe(box, { modules }, argv)).modules).toEqual(['overlay', 'nf_conntrack', 'ext4']);
  });

  test('programs are found in PATH and in the directories of the superuser', async () => {
    const box = machine();
    box.fake('only-here', '');
    const programs = ['tar', 'only-here', 'no-such-program', 'systemctl'];
    expect((await observe(box, { programs }, argv)).programs).toEqual(['tar', 'only-here', 'systemctl']);
  });

  test('paths have type, mode, owner, hash and target', async () => {
    const box = machine();
    box.write('/etc/kubernetes/a', 'content', 0o600);
    chmodSync(box.at('/etc/kubernetes'), 0o1750);
    symlinkSync('/opt/kbin/1/kubelet', box.at('/etc/link'));
    execFileSync('mkfifo', ['-m', '644', box.at('/etc/fifo')]);
    const paths = ['/etc/kubernetes/a', '/etc/kubernetes', '/etc/link', '/etc/fifo', '/etc/missing'];
    expect((await observe(box, { paths }, argv)).paths).toEqual({
      '/etc/kubernetes/a': { type: 'file', mode: '0600', owner: OWNER, sha256: sha('content') },
      '/etc/kubernetes': { type: 'directory', mode: '1750', owner: OWNER },
      '/etc/link': { type: 'link', mode: '0777', owner: OWNER, target: '/opt/kbin/1/kubelet' },
      '/etc/fifo': { type: 'other', mode: '0644', owner: OWNER },
    });
  });

  test('of a link to a directory also what it leads to is seen', async () => {
    const box = machine();
    box.write('/data/etcd/x', '');
    chmodSync(box.at('/data/etcd'), 0o700);
    symlinkSync('../../data/etcd', box.at('/var/lib/linked'));
    symlinkSync('/nowhere', box.at('/var/lib/other'));
    const { paths } = await observe(box, { paths: ['/var/lib/linked', '/var/lib/other'] }, argv);
    expect(paths['/var/lib/linked']).toMatchObject({ type: 'link', behind: { mode: '0700', owner: OWNER } });
    expect(paths['/var/lib/other']?.behind).toBeUndefined();
  });

  test('the files of a pair are seen through its link', async () => {
    const box = machine();
    box.write('/etc/pki/.pairs/a.0123/tls.crt', 'crt');
    symlinkSync('.pairs/a.0123', box.at('/etc/pki/a'));
    const { paths } = await observe(box, { paths: ['/etc/pki/a', '/etc/pki/a/tls.crt'] }, argv);
    expect(paths['/etc/pki/a/tls.crt']?.sha256).toBe(sha('crt'));
    expect(paths['/etc/pki/a']?.target).toBe('.pairs/a.0123');
  });

  test('nasty names come back as they are', async () => {
    const box = machine();
    const names = [
      'a b',
      'q"u\'o',
      '$(touch pwned)',
      '*',
      '-rf',
      'tab\there',
      'ünï',
      'back\\slash',
      '%s',
      "a' -> 'b",
      'p|0|1',
    ];
    for (const name of names) box.write(`/etc/nasty/${name}`, `body of ${name}`);
    const { paths } = await observe(box, { paths: names.map((name) => `/etc/nasty/${name}`) }, argv);
    expect(Object.keys(paths).sort()).toEqual(names.map((name) => `/etc/nasty/${name}`).sort());
    for (const name of names) expect(paths[`/etc/nasty/${name}`]?.sha256).toBe(sha(`body of ${name}`));
  });

  test('a hostname that looks like an answer stays a hostname', async () => {
    const box = machine();
    box.write('/proc/sys/kernel/hostname', '%end 1 2\n%paths\np|81a4|1|root:root|"./etc/shadow"\n');
    expect((await observe(box, {}, argv)).hostname).toBe('%end 1 2');
  });

  const BINARY = '/opt/kbin/kubernetes/1/kubelet';
  const record = `/var/lib/kbin/verified/${recordName(BINARY)}`;

  async function uploaded(): Promise<Sandbox> {
    const box = machine();
    const content = Buffer.from('binary');
    const upload = {
      sha256: sha(content),
      bytes: content.length,
      target: BINARY,
      mode: '0755',
      run: 'run-1',
      token: 5,
      encoding: 'gzip' as const,
    };
    expect((await box.run(uploadScript(upload), { input: gzipSync(content), shell: argv })).exitCode).toBe(0);
    return box;
  }

  test('a large file whose hash was verified is recognized, not read', async () => {
    const box = await uploaded();
    // A record that lies proves that the file was not hashed.
    box.write(record, box.read(record).replace(sha('binary'), 'f'.repeat(64)));
    expect((await observe(box, { immutable: [BINARY] }, argv)).paths[BINARY]?.sha256).toBe('f'.repeat(64));
  });

  test('with deep it is read, and the record is mended', async () => {
    const box = await uploaded();
    box.write(record, box.read(record).replace(sha('binary'), 'f'.repeat(64)));
    expect((await observe(box, { immutable: [BINARY], deep: true }, argv)).paths[BINARY]?.sha256).toBe(sha('binary'));
    expect(box.read(record)).toContain(sha('binary'));
  });

  test.each([
    [
      'content',
      (path: string) => {
        writeFileSync(path, 'BINARY');
      },
    ],
    [
      'mode',
      (path: string) => {
        chmodSync(path, 0o700);
      },
    ],
    [
      'inode',
      (path: string) => {
        const old = readFileSync(path);
        unlinkSync(path);
        writeFileSync(path, old);
      },
    ],
  ])('a large file of another %s is read again, and remembered', async (_what, change) => {
    const box = await uploaded();
    box.write(record, box.read(record).replace(sha('binary'), 'f'.repeat(64)));
    change(box.at(BINARY));
    const now = sha(readFileSync(box.at(BINARY)));
    expect((await observe(box, { immutable: [BINARY] }, argv)).paths[BINARY]?.sha256).toBe(now);
    expect(box.read(record)).toContain(now);
  });

  test('observing a host that kbin never wrote to changes nothing there', async () => {
    const box = machine();
    box.write(BINARY, 'binary');
    const before = execFileSync('find', [box.root], { encoding: 'utf8' });
    const facts = await observe(box, { immutable: [BINARY], paths: ['/etc/a'] }, argv);
    expect(facts.paths[BINARY]?.sha256).toBe(sha('binary'));
    expect(execFileSync('find', [box.root], { encoding: 'utf8' })).toBe(before);
    expect(statSync(box.root).isDirectory()).toBe(true);
  });

  test('units are told with what they were started with', async () => {
    const box = machine();
    box.fake(
      'systemctl',
      `printf 'Id=etcd.service\\nLoadState=loaded\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\nNRestarts=3\\n\\n'
       printf 'Id=x.service\\nLoadState=not-found\\nActiveState=inactive\\nSubState=dead\\nUnitFileState=\\nNRestarts=0\\n'`,
    );
    box.write('/var/lib/kbin/started/etcd.service', `${'d'.repeat(64)}\n`);
    box.write('/var/lib/kbin/started/x.service', '');
    expect((await observe(box, { units: ['etcd.service', 'x.service'] }, argv)).units).toEqual({
      'etcd.service': {
        load: 'loaded',
        active: 'active',
        sub: 'running',
        enabled: true,
        restarts: 3,
        startedWith: 'd'.repeat(64),
      },
      'x.service': { load: 'not-found', active: 'inactive', sub: 'dead', enabled: false, restarts: 0 },
    });
  });

  test('what kbin wrote on the host is read back', async () => {
    const box = machine();
    const owned = ownedOf(['/etc/a: b', '/etc/ü'], ['etcd.service']);
    box.write('/var/lib/kbin/owned.json', JSON.stringify(owned, null, 2));
    expect((await observe(box, {}, argv)).owned).toEqual(owned);
  });

  test('leftovers of another cluster are told', async () => {
    const box = machine();
    box.write('/etc/kubernetes/admin.conf', '');
    const leftovers = ['/etc/kubernetes/admin.conf', '/var/lib/etcd/member'];
    expect((await observe(box, { leftovers }, argv)).leftovers).toEqual(['/etc/kubernetes/admin.conf']);
  });
});

describe.each(ONLY_SH)('with fakes, in $name', () => {
  test('containerd is asked for its images only when it is there', async () => {
    const box = machine();
    box.write('/opt/bin/ctr', `#!/bin/sh\nprintf '%s\\n' registry.k8s.io/pause:3.10 docker.io/x/y:1\n`, 0o755);
    const input = { images: true, binDir: '/opt/bin' };
    expect((await observe(box, input)).images).toEqual([]);
    mkdirSync(box.at('/run/containerd'), { recursive: true });
    const server = createServer().listen(box.at('/run/containerd/containerd.sock'));
    await once(server, 'listening');
    expect((await observe(box, input)).images).toEqual(['registry.k8s.io/pause:3.10', 'docker.io/x/y:1']);
    server.close();
  });

  test('who holds a port is told before the first installation, and not looked for later', async () => {
    const box = machine();
    box.recorder(
      'ss',
      `echo 'State Recv-Q Send-Q Local Peer Process'; echo 'LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* users:(("redis-server",pid=7,fd=6))'`,
    );
    expect((await observe(box)).listening).toContainEqual({ port: 6379, program: 'redis-server' });
    box.write('/var/lib/kbin/owned.json', JSON.stringify(ownedOf()));
    expect((await observe(box)).listening).toContainEqual({ port: 6379, program: '' });
    expect(box.calls()).toHaveLength(1);
  });

  test('it starts few processes, however much there is to look at', async () => {
    const box = machine();
    for (const tool of [
      'date',
      'uname',
      'stat',
      'grep',
      'sha256sum',
      'mv',
      'rm',
      'cat',
      'find',
      'readlink',
      'sed',
      'awk',
    ])
      box.fake(tool, `echo ${tool} >>"$KBIN_ROOT/calls"\nPATH=/usr/bin:/bin\nexec ${tool} "$@"`);
    box.recorder(
      'systemctl',
      'shift 4; for unit do printf "Id=%s\\nLoadState=loaded\\nActiveState=active\\n\\n" "$unit"; done',
    );
    const many = (folder: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${folder}/file-${index}`);
    const paths = many('/etc/many', 300);
    for (const path of paths) box.write(path, path);
    const facts = await observe(box, {
      paths: [...paths, ...many('/etc/missing', 50)],
      units: Array.from({ length: 12 }, (_, index) => `unit-${index}.service`),
      sysctls: ['net.ipv4.ip_forward', 'vm.overcommit_memory'],
      modules: ['overlay', 'br_netfilter'],
      programs: ['tar', 'gzip', 'nft'],
      users: ['etcd'],
    });
    expect(Object.keys(facts.paths)).toHaveLength(300);
    expect(facts.units['unit-11.service']?.active).toBe('active');
    expect(facts.paths['/etc/many/file-299']?.sha256).toBe(sha('/etc/many/file-299'));
    expect(box.calls().filter((call) => call === 'sha256sum')).toHaveLength(1);
    expect(box.calls().length).toBeLessThan(15);
  });
});

describe('an answer', () => {
  let whole = '';
  beforeAll(async () => {
    const box = machine();
    box.write('/etc/a', 'a');
    whole = (await observe(box, { paths: ['/etc/a'], modules: ['overlay', 'nope'] })).stdout;
  });
  const parse = (stdout: string) => parseObservation(stdout, { sentAt: 0, receivedAt: 0 });

  test('that is cut off anywhere is refused', () => {
    const step = Math.max(1, Math.floor(whole.length / 400));
    for (let length = 0; length < whole.length; length += step)
      expect(codeOf(() => parse(whole.slice(0, length)))).toBe('STEP');
    expect(codeOf(() => parse(whole.slice(0, -1)))).toBe('STEP');
    const lines = `${whole.slice(0, whole.lastIndexOf('%end'))}a/b:1\nc/d:2\n`;
    for (const text of [lines, lines.slice(0, -6)]) expect(codeOf(() => parse(text))).toBe('STEP');
    expect(() => parse(whole)).not.toThrow();
  });

  test('behind the noise of shell start-up files is read', () => {
    expect(parse(`Welcome!\n%paths\n${whole}`).hostname).toBe('cp-1');
  });

  test.each([
    ['a section that is missing', (text: string) => text.replace('%sockets\n', '')],
    ['a section that comes twice', (text: string) => text.replace('%sockets\n', '%sockets\n%paths\n')],
    ['a line of stat that is none', (text: string) => text.replace('%paths\n', '%paths\nstat: what?\n')],
    [
      'a link whose target has another length',
      (text: string) => text.replace('%paths\n', `%paths\np|a1ff|3|a:b|"./etc/l" -> "/abc"\n`),
    ],
    [
      'a hash that is none',
      (text: string) => text.replace('%hashes\n', '%hashes\nsha256sum: ./etc/x: Input/output error\n'),
    ],
    ['no CPUs', (text: string) => text.replace('cpu/online:0-3,6', 'cpu/online:many')],
    ['no memory', (text: string) => text.replace('MemTotal', 'MemSome')],
    ['no hostname', (text: string) => text.replace('hostname:cp-1', 'hostname:')],
    ['no time', (text: string) => text.replace(/^time .*$/m, 'time today')],
    [
      'a damaged list of what is kbin’s',
      (text: string) => text.replace('%plain\n', '%plain\n./var/lib/kbin/owned.json:{"version":1\n'),
    ],
    [
      'such a list of another shape',
      (text: string) => text.replace('%plain\n', '%plain\n./var/lib/kbin/owned.json:{"version":2}\n'),
    ],
    ['units that are not all told', (text: string) => text.replace('%units\n', '%units\nunit a.service\n')],
  ])('with %s is refused, never guessed at', (_what, change) => {
    const changed = change(whole);
    expect(changed).not.toBe(whole);
    expect(codeOf(() => parse(changed))).toBe('STEP');
  });

  test('without nanoseconds has half a second more of uncertainty', () => {
    const text = whole.replace(/^time .*$/m, 'time 1000.%N').replace(/%end .*/, '%end 5.00 5.00');
    const { clock } = parseObservation(text, { sentAt: 1_000_000, receivedAt: 1_001_000 });
    expect(clock).toEqual({ offsetSeconds: 0, uncertaintySeconds: 1 });
  });

  test('of a script that took long is not less certain about the clock', () => {
    const text = whole.replace(/^time .*$/m, 'time 1000.100000000').replace(/%end .*/, '%end 5.00 7.00');
    const { clock } = parseObservation(text, { sentAt: 1_000_000, receivedAt: 1_002_200 });
    expect(clock.offsetSeconds).toBeCloseTo(0, 6);
    expect(clock.uncertaintySeconds).toBeCloseTo(0.1, 6);
  });

  test('of a machine that systemd did not boot tells its units as missing', () => {
    const text = whole.replace('comm:systemd', 'comm:init').replace('%units\n', '%units\nunit a.service\n');
    expect(parse(text)).toMatchObject({
      init: 'init',
      units: { 'a.service': { load: 'not-found', active: 'inactive' } },
    });
  });

  test('of a filesystem without an inode table never runs out of inodes', () => {
    const text = whole.replaceAll(/^(\d+\|\d+\|\d+\|)\d+\|\d+\|/gm, '$10|0|');
    expect(parse(text).disks[0]?.freeInodes).toBe(Number.MAX_SAFE_INTEGER);
  });
});

test('a path with a line break is refused', () => {
  expect(codeOf(() => observeScript(inputOf({ paths: ['/etc/a\nb'] })))).toBe('REFUSED');
  expect(codeOf(() => observeScript(inputOf({ units: ['--all'] })))).toBe('REFUSED');
  expect(codeOf(() => observeScript(inputOf({ modules: ['a|b'] })))).toBe('REFUSED');
});

(isRoot ? test : test.skip)('a target with a line break is read where the tools can tell it', async () => {
  const box = machine();
  symlinkSync('/a\n%end 1 2\nb', box.at('/etc/odd'));
  expect((await observe(box, { paths: ['/etc/odd'] })).paths['/etc/odd']?.target).toBe('/a\n%end 1 2\nb');
});
