import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '../../src/errors.ts';
import { NO_ALT_NAMES } from '../../src/pki/altNames.ts';
import { certificateRequest } from '../../src/pki/csr.ts';
import { newKeyPair } from '../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../src/pki/names.ts';
import { Lab, type Result } from './lab.ts';

const MINUTE = 60_000;
const UNITS = 'kubelet flanneld kube-proxy';
const BOOTSTRAP = '/etc/kubernetes/bootstrap-kubelet.conf';

let lab: Lab;
let inventory: string;

beforeAll(async () => {
  lab = await Lab.up('joining', 2);
  inventory = await lab.inventory('joining.yaml', (text) =>
    text.replace('name: lab\n', 'name: joining\ncertificates: { kubeletServing: kubelet }\n').replace(
      /hosts:\n(.*\n)*/,
      `hosts:
  - { name: node-1, address: 10.77.0.11, roles: [etcd, control-plane, worker] }
  - name: node-2
    address: 10.77.0.12
    roles: [worker]
    components: { kubelet: { args: { bootstrap-kubeconfig: ${BOOTSTRAP} } } }
`,
    ),
  );
}, 2 * MINUTE);

afterAll(() => lab.down(), MINUTE);

interface Request {
  metadata: { name: string };
  spec: { signerName: string; username: string };
  status: { certificate?: string; conditions?: { type: string; reason: string }[] };
}

async function requests(signer: string): Promise<Request[]> {
  const list = lab.must(await lab.kubectl(inventory, 'get', 'csr', '-o', 'json')).stdout;
  return (JSON.parse(list) as { items: Request[] }).items.filter(({ spec }) => spec.signerName.endsWith(`/${signer}`));
}

/**
 * Looks a Service up in a pod on a node, through the API server and the kubelet. `isSettled`: kbin's gates have passed; a
 * node that joined by itself is Ready before its proxy and its network have all they need.
 */
async function execOn(node: string, isSettled: boolean): Promise<string> {
  const pod = `on-${node}`;
  const spec = JSON.stringify({ spec: { nodeName: node, tolerations: [{ operator: 'Exists' }] } });
  const image = ['--image=registry.kbin.dev/smoke:v1', '--image-pull-policy=Never', '--restart=Never'];
  const command = ['--command', '--', 'smoke', 'serve', '--port', '8080'];
  lab.must(await lab.kubectl(inventory, 'run', pod, ...image, `--overrides=${spec}`, ...command));
  lab.must(await lab.kubectl(inventory, 'wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'));
  const name = 'kubernetes.default.svc.cluster.local';
  const lookup = (): Promise<Result> => lab.kubectl(inventory, 'exec', pod, '--', 'smoke', 'lookup', name);
  if (!isSettled) await until(`pods of ${node} reach the DNS`, async () => (await lookup()).exitCode === 0);
  const { stdout } = lab.must(await lookup());
  lab.must(await lab.kubectl(inventory, 'delete', 'pod', pod, '--now'));
  return stdout;
}

/** Asks until something is so. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + MINUTE;
  while (!(await isSo())) if (Date.now() > deadline) throw new Error(`${what}: not within a minute`);
}

// The tests of this file are one story on the same two machines, in order.

test(
  'kubelets serve with what they asked for and kbin approved, and the API server believes it',
  async () => {
    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    const asked = await requests('kubelet-serving');
    expect(new Set(asked.map(({ spec }) => spec.username))).toEqual(
      new Set(['system:node:node-1', 'system:node:node-2']),
    );
    expect(new Set(asked.flatMap(({ status }) => status.conditions?.map(({ reason }) => reason)))).toEqual(
      new Set(['KbinApproved']),
    );
    expect(await execOn('node-2', true)).toContain('10.96.0.1');
    expect(await lab.plannedSteps(inventory)).toEqual([]);
  },
  4 * MINUTE,
);

test(
  'a kubelet that asks for the address of another host is left waiting',
  async () => {
    const subject = nameOf([
      { type: ATTRIBUTES.O, value: 'system:nodes' },
      { type: ATTRIBUTES.CN, value: 'system:node:node-2' },
    ]);
    const sans = { ...NO_ALT_NAMES, dns: ['node-2'], ip: ['10.77.0.12', '10.77.0.11'] };
    const request = certificateRequest({ subject, sans, keys: await newKeyPair('ECDSA-P256') });
    const file = join(lab.home, 'evil.json');
    const object = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'evil' },
      spec: {
        signerName: 'kubernetes.io/kubelet-serving',
        usages: ['digital signature', 'server auth'],
        request: Buffer.from(request).toString('base64'),
      },
    };
    await writeFile(file, JSON.stringify(object));
    const as = ['--as=system:node:node-2', '--as-group=system:nodes'];
    lab.must(await lab.kubectl(inventory, ...as, 'create', '-f', file));
    const { exitCode, stdout } = await lab.kbin(['certs', 'approve', '-i', inventory]);
    expect(exitCode).toBe(EXIT_CODES.PENDING);
    expect(stdout).toContain('Left evil of node-2 asks for 10.77.0.11, which the inventory does not give the host');
    const evil = (await requests('kubelet-serving')).find(({ metadata }) => metadata.name === 'evil');
    expect(evil?.status).toEqual({});
    lab.must(await lab.kubectl(inventory, 'delete', 'csr', 'evil'));
  },
  MINUTE,
);

test(
  'a node joins with a bootstrap token alone; the token is told once, and the next deploy takes the node over',
  async () => {
    // As a machine on which everything was prepared but what only the operator can issue to a kubelet. Its Node will get
    // another part of the pod network, so what is left of the first one goes.
    const issued = '/var/lib/kubelet/pki /etc/kubernetes/kubelet.conf /etc/kubernetes/pki/kubelet';
    lab.must(
      await lab.ssh(
        'node-2',
        `systemctl stop ${UNITS} && rm -rf ${issued} /etc/kubernetes/pki/.pairs/kubelet.* /run/flannel && ip link delete cni0 && ip link delete flannel.1`,
      ),
    );
    lab.must(await lab.kubectl(inventory, 'delete', 'node', 'node-2'));
    const file = join(lab.home, 'bootstrap.conf');
    const made = lab.must(await lab.kbin(['token', 'create', '-i', inventory, '--ttl', '30m', '--kubeconfig', file]));
    const [, token = '', id = ''] = /^(([a-z0-9]{6})\.[a-z0-9]{16})\n$/.exec(made.stdout) ?? [];
    expect(id).not.toBe('');
    expect(made.stderr).not.toContain(token);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const body = await readFile(file, 'base64');
    lab.must(
      await lab.ssh('node-2', `umask 077; echo ${body} | base64 -d >${BOOTSTRAP}; systemctl start --no-block ${UNITS}`),
    );

    await until('its serving certificate is approved', async () =>
      lab.must(await lab.kbin(['certs', 'approve', '-i', inventory])).stdout.includes(' of node-2: node-2, 10.77.0.12'),
    );
    const first = (await requests('kube-apiserver-client-kubelet')).find(
      ({ spec }) => spec.username === `system:bootstrap:${id}`,
    );
    expect(first?.status.conditions?.map(({ type }) => type)).toEqual(['Approved']);
    const signed = new X509Certificate(Buffer.from(first?.status.certificate ?? '', 'base64'));
    expect([signed.subject, signed.issuer]).toEqual([
      'O=system:nodes\nCN=system:node:node-2',
      'CN=kbin-kubelet-signer',
    ]);
    await until('node-2 is Ready', async () => (await lab.readyNodes(inventory)).includes('node-2'));
    expect(await execOn('node-2', false)).toContain('10.96.0.1');

    const listed = lab.must(await lab.kbin(['token', 'list', '-i', inventory])).stdout;
    expect(listed).toContain(`${id}  `);
    lab.must(await lab.kbin(['token', 'delete', id, '-i', inventory]));
    expect(lab.must(await lab.kbin(['token', 'list', '-i', inventory])).stdout).toBe(
      'There are no bootstrap tokens.\n',
    );
    const cluster = join(lab.home, 'clusters/joining');
    const runs = (await readdir(join(cluster, 'runs'))).map((name) => join(cluster, 'runs', name));
    for (const record of [...runs, join(cluster, 'audit.jsonl')]) {
      expect(await readFile(record, 'utf8')).not.toContain(token.slice(7));
    }
    expect(listed).not.toContain(token.slice(7));

    lab.must(await lab.kbin(['deploy', '-i', inventory, '--yes']));
    expect(await lab.plannedSteps(inventory)).toEqual([]);
    expect(await lab.readyNodes(inventory)).toEqual(['node-1', 'node-2']);
  },
  4 * MINUTE,
);
