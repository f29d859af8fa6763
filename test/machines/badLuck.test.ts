import { EXIT_CODES } from '../../src/errors.ts';
import { Lab } from './lab.ts';

const MINUTE = 60_000;

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.up('luck', 3);
}, MINUTE);

afterEach(() => lab.down(), MINUTE);

const ALL = ['node-1', 'node-2', 'node-3'];

/** One control plane and two workers, and little patience. */
const workers = (): Promise<string> =>
  lab.inventory('workers.yaml', (text) =>
    text
      .replace(
        /hosts:\n(.*\n)*/,
        `hosts:
  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }
  - { name: node-2, address: 10.77.0.12, roles: [worker] }
  - { name: node-3, address: 10.77.0.13, roles: [worker] }
`,
      )
      .replace('  user: root\n', '  user: root\n  connectSeconds: 8\n'),
  );

const finish = async (inventory: string): Promise<void> => {
  lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
  expect(await lab.readyNodes(inventory)).toEqual(ALL);
  expect(await lab.plannedSteps(inventory)).toEqual([]);
};

test(
  'preflight names every fault of every host at once and changes nothing',
  async () => {
    const inventory = await lab.inventory('unfit.yaml', (text) =>
      text.replace(
        '    roles: [etcd, control-plane, worker]',
        '    roles: [etcd, control-plane, worker]\n    arch: arm64',
      ),
    );
    lab.must(
      await lab.ssh(
        'node-2',
        'mkdir -p /var/lib/etcd/member; systemd-run --unit=squatter socat TCP-LISTEN:10250,fork EXEC:true',
      ),
    );
    for (const node of ['node-1', 'node-3']) {
      lab.must(await lab.ssh(node, 'echo 11111111111111111111111111111111 > /etc/machine-id'));
    }
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes']);
    expect(result.exitCode).toBe(EXIT_CODES.PREFLIGHT);
    for (const fault of [
      /node-1: is amd64, the inventory says arm64 \[arch\]/,
      /node-2: holds \/var\/lib\/etcd\/member/,
      /node-2: port 10250 is taken by socat/,
      /node-1, node-3: same machine-id/,
      /the cache has no kubernetes v1\.36\.2 arm64 kubelet/,
    ]) {
      expect(result.stderr).toMatch(fault);
    }
    expect((await lab.ssh('node-1', 'test -e /opt/kbin')).exitCode).not.toBe(0);
  },
  2 * MINUTE,
);

test(
  'a worker that is down from the start, and one whose disk is full, are set aside within --max-fail',
  async () => {
    const inventory = await workers();
    lab.must(await lab.script('power', 'off', 'node-3'));
    const refused = await lab.kbin(['deploy', '-i', inventory, '--yes']);
    expect([refused.exitCode, refused.stderr]).toEqual([EXIT_CODES.CONNECT, expect.stringContaining('node-3')]);
    // Full enough that preflight is content and the uploads are not.
    lab.must(
      await lab.ssh('node-2', 'mkdir -p /opt/kbin/containerd && mount -t tmpfs -o size=4m none /opt/kbin/containerd'),
    );
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes', '--max-fail', '2']);
    expect([result.exitCode, result.stderr]).toEqual([
      EXIT_CODES.HOSTS,
      expect.stringMatching(/node-2.*(full|free)[^]*/),
    ]);
    expect(result.stderr).toContain('node-3');
    expect(await lab.readyNodes(inventory)).toEqual(['node-1']);
    lab.must(await lab.ssh('node-2', 'umount /opt/kbin/containerd'));
    lab.must(await lab.script('power', 'on', 'node-3'));
    await finish(inventory);
  },
  6 * MINUTE,
);

test(
  'a worker lost half-way is set aside; the others finish, and it does when it is back',
  async () => {
    const inventory = await workers();
    let off: ReturnType<Lab['script']> | undefined;
    const result = await lab.kbin(['deploy', '-i', inventory, '--yes', '--max-fail', '1'], {
      onEvent: (event) => {
        if (event.type === 'apply' && event.phase === 'runtime') off ??= lab.script('power', 'off', 'node-3');
      },
    });
    expect(off).toBeDefined();
    lab.must(await off!);
    expect([result.exitCode, result.stderr]).toEqual([EXIT_CODES.HOSTS, expect.stringContaining('node-3')]);
    expect(await lab.readyNodes(inventory)).toEqual(['node-1', 'node-2']);
    lab.must(await lab.script('power', 'on', 'node-3'));
    await finish(inventory);
  },
  6 * MINUTE,
);

test(
  'the whole lab loses power and comes back alone',
  async () => {
    const inventory = await lab.inventory('whole.yaml');
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    lab.must(await lab.script('power', 'off', '--all'));
    lab.must(await lab.script('power', 'on', '--all'));
    const deadline = Date.now() + 3 * MINUTE;
    let steps = ['not asked yet'];
    while (steps.length > 0 && Date.now() < deadline) {
      steps = await lab.plannedSteps(inventory).catch((error: unknown) => [String(error)]);
    }
    expect(steps).toEqual([]);
    lab.must(await lab.kubectl(inventory, 'wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=120s'));
  },
  6 * MINUTE,
);
