import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_CODES } from '../../src/errors.ts';
import { newIdentity } from '../../src/pki/age.ts';
import { make, sign, type Made } from '../unit/pki/outside/authorities.ts';
import { Lab, type Result } from './lab.ts';

const MINUTE = 60_000;
const NODE = 'node-1';

let lab: Lab;
let inventory: string;
let folder: string;
let root: Made;
let etcdCa: Made;
/** File of the age identity that opens the store. */
let identity: string;

beforeAll(async () => {
  lab = await Lab.up('outside', 1);
  inventory = await lab.inventory('outside.yaml', (text) =>
    text
      .replace('name: lab\n', 'name: outside\n')
      .replace(
        /hosts:\n(.*\n)*/,
        `hosts:\n  - { name: ${NODE}, address: 10.77.0.11, roles: [etcd, control-plane, worker] }\n`,
      ),
  );
  folder = join(lab.home, 'acme');
  mkdirSync(folder);
  root = make(folder, 'root');
  etcdCa = make(folder, 'etcd', { issuer: root });
}, 2 * MINUTE);

afterAll(() => lab.down(), MINUTE);

const kbin = (...args: string[]): Promise<Result> => lab.kbin([...args, '-i', inventory]);
const certs = async (...args: string[]): Promise<string> => lab.must(await kbin('certs', ...args)).stdout;

/** Has every request of a folder signed by the authority whose key kbin never sees. */
function signAll(requests: string): number {
  const names = readdirSync(requests).filter((name) => name.endsWith('.csr'));
  for (const name of names) sign(join(requests, name), etcdCa);
  return names.length;
}

/** Serial of what a port presents, in upper-case hex. */
async function served(port: number): Promise<string> {
  const ask = `openssl s_client -connect 127.0.0.1:${port} </dev/null 2>/dev/null | openssl x509 -noout -serial`;
  return lab.must(await lab.ssh(NODE, ask)).stdout.trim();
}

// The tests of this file are one story on the same machine, in order.

test(
  'a cluster below authorities of others, one of them with its key elsewhere, from a locked store',
  async () => {
    const kubernetes = make(folder, 'kubernetes', { issuer: root });
    const own = ['--chain', root.certificate];
    await certs('import', '--authority', 'ca', '--cert', kubernetes.certificate, '--key', kubernetes.key, ...own);
    await certs('import', '--authority', 'etcd-ca', '--cert', etcdCa.certificate, ...own);
    const requests = join(lab.home, 'requests');
    expect((await kbin('deploy', '--yes')).exitCode).toBe(EXIT_CODES.PKI);
    await certs('csr', '-o', requests);
    expect(signAll(requests)).toBeGreaterThan(3);
    await certs('import', requests);

    const keys = await newIdentity();
    identity = join(lab.home, 'identity.txt');
    writeFileSync(identity, `${keys.identity.reveal()}\n`, { mode: 0o600 });
    await certs('lock', '--recipient', keys.recipient);
    const store = join(lab.home, 'clusters/outside/pki');
    expect(readdirSync(store).filter((name) => /^(ca|front-proxy-ca|etcd-ca)\.key$/.test(name))).toEqual([]);
    expect((await kbin('deploy', '--yes')).exitCode).toBe(EXIT_CODES.PKI);
    lab.must(await kbin('deploy', '--yes', '--identity', identity));
    expect(await lab.readyNodes(inventory)).toEqual([NODE]);
    expect(await lab.plannedSteps(inventory)).toEqual([]);
    // In the store, on the disk and on every port: the same, and nothing disagrees.
    await certs('list');
  },
  4 * MINUTE,
);

test(
  'what is signed elsewhere is renewed by asking again, and served without a restart of etcd',
  async () => {
    const since = 'systemctl show -p ActiveEnterTimestampMonotonic --value etcd';
    const [before, started] = [await served(2379), lab.must(await lab.ssh(NODE, since)).stdout];
    const again = join(lab.home, 'again');
    await certs('csr', '-o', again, '--name', 'etcd-server@*');
    expect(signAll(again)).toBe(1);
    await certs('import', again);
    lab.must(await kbin('deploy', '--yes', '--identity', identity));
    expect(await served(2379)).not.toBe(before);
    expect(lab.must(await lab.ssh(NODE, since)).stdout).toBe(started);
  },
  2 * MINUTE,
);

test(
  'an authority that kbin made is rotated to one of the operator’s own',
  async () => {
    // It ends before its root does.
    const proxy = make(folder, 'proxy', { issuer: root, days: 1825 });
    const given = ['--cert', proxy.certificate, '--key', proxy.key, '--chain', root.certificate];
    await certs('rotate-ca', '--ca', 'front-proxy', ...given, '--identity', identity, '--yes');
    const bundle = lab.must(await lab.ssh(NODE, 'cat /etc/kubernetes/pki/front-proxy-ca.crt')).stdout;
    expect(bundle.trim()).toBe(readFileSync(proxy.certificate, 'utf8').trim());
    expect(await lab.plannedSteps(inventory)).toEqual([]);
    await certs('list');
  },
  3 * MINUTE,
);
