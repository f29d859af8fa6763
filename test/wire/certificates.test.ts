import { jest } from '@jest/globals';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import tls from 'node:tls';
import { listCertificates } from '../../src/engine/certificates.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { Fleet } from '../../src/engine/fleet.ts';
import { SshHost } from '../../src/engine/host.ts';
import type { CertificateRow } from '../../src/model/certificateRow.ts';
import type { Host, Inventory } from '../../src/model/inventory.ts';
import type { CertSpec } from '../../src/model/pki.ts';
import type { Clock, Pki } from '../../src/model/ports.ts';
import type { Resource } from '../../src/model/resource.ts';
import { certificateSpecs } from '../../src/pki/catalog.ts';
import { openPkiStore } from '../../src/pki/store.ts';
import { createConnector } from '../../src/ssh/connector.ts';
import { authority, inventory as pkiInventory, rows as catalogRows } from '../unit/pki/samples.ts';
import { freePort } from './hosts.ts';
import { Bench, type Sshd } from './sshd.ts';
import { TEST_MS } from './until.ts';

jest.setTimeout(TEST_MS);
const bench = new Bench();
const root = join(bench.folder, 'root');
const NAME = 'apiserver@list';
const PAIR = '/etc/kubernetes/pki/apiserver';
const BUNDLE = '/etc/kubernetes/pki/ca.crt';
const clock = { now: () => Date.now(), monotonic: () => performance.now() } as Clock;
const servers: tls.Server[] = [];
let server: Sshd;
let store: Pki;
let apiPort: number;
let spec: CertSpec;

const OWNER = process.getuid?.() === 0 ? 'root:root' : `${bench.user}:${bench.user}`;
const resources: Resource[] = [
  {
    ...{ id: `pair:${PAIR}`, kind: 'pair', phase: 'apiserver', path: PAIR, pairsDir: '/etc/kubernetes/pki/.pairs' },
    ...{ owner: OWNER, certificate: NAME },
  },
  {
    ...{ id: `file:${BUNDLE}`, kind: 'file', phase: 'host', path: BUNDLE, mode: '0644', owner: OWNER },
    body: { concat: [{ certificate: 'ca', part: 'trusted' }] },
  },
];

function inventoryOf(host: Host): Inventory {
  return { ...pkiInventory(), hosts: [host], apiPort, etcd: { external: {} } } as unknown as Inventory;
}

function write(path: string, text: string, mode: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

async function pairOf(name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all(
    (['certificate', 'key'] as const).map((part) => store.read({ certificate: name, part })),
  );
  return { cert: cert!.reveal(), key: key!.reveal() };
}

/** A kube-apiserver that presents a certificate, and asks its clients for theirs. */
async function serve(pair: { cert: string; key: string }): Promise<void> {
  const listener = tls.createServer({ ...pair, requestCert: true, rejectUnauthorized: true });
  listener.on('tlsClientError', () => undefined);
  servers.push(listener);
  await new Promise<void>((resolve) => listener.listen(apiPort, '127.0.0.1', resolve));
}

beforeAll(async () => {
  server = await bench.serve('list', { lines: [`SetEnv KBIN_ROOT=${root}`] });
  bench.knownHosts('known_hosts', server);
  mkdirSync(root);
  apiPort = await freePort();
  store = openPkiStore(join(bench.folder, 'pki'));
  const host = { ...bench.host(server), roles: ['control-plane'] } as Host;
  const { certificates } = certificateSpecs(inventoryOf(host), catalogRows);
  await store.issueAll(certificates, Date.now());
  spec = certificates.find(({ name }) => name === NAME)!;
  const { cert, key } = await pairOf(NAME);
  write(`${PAIR}/tls.crt`, cert, 0o600);
  write(`${PAIR}/tls.key`, key, 0o600);
  write(BUNDLE, (await store.read({ certificate: 'ca', part: 'trusted' })).reveal(), 0o644);
  await serve({ cert, key });
});
afterAll(() => {
  for (const listener of servers) listener.close();
  bench.close();
});

/** Rows of what the host has and should have; its other listeners are not this test's. */
async function list(ssh: Partial<Host['ssh']>): Promise<CertificateRow[]> {
  const host = { ...bench.host(server, ssh), roles: ['control-plane'] } as Host;
  const fleet = new Fleet(createConnector(), [host]);
  const engine = {
    inventory: inventoryOf(host),
    rows: catalogRows,
    desired: { hosts: { list: resources }, api: [], nodes: [] },
    pki: store,
    clock,
    parallel: 5,
    world: { host: (name: string) => new SshHost(fleet, name, clock) },
  } as unknown as Engine;
  try {
    const rows = await listCertificates(engine, { issued: [] });
    return rows.filter(({ name, place }) => ['apiserver', 'ca'].includes(name) || place === 'disk');
  } finally {
    await fleet.close();
  }
}
const brief = ({ name, place, found, unseen, disagreements }: CertificateRow): string =>
  [name, place, ...(found === null ? ['none'] : []), unseen?.code ?? '', ...disagreements.map(({ code }) => code)]
    .filter((text) => text !== '')
    .join(' ');

describe.each(['ssh2', 'openssh'] as const)('over %s', (transport) => {
  test('store, disk and listener agree; an exec and a handshake see it, without a client certificate', async () => {
    const rows = await list({ transport });
    expect(rows.map(brief).sort()).toEqual([
      'apiserver disk',
      'apiserver store',
      'apiserver wire',
      'ca disk',
      'ca store',
    ]);
    const serials = rows.filter(({ name }) => name === 'apiserver').map(({ found }) => found?.serial);
    expect(new Set(serials).size).toBe(1);
    expect(rows.find(({ place }) => place === 'wire')).toMatchObject({
      at: `kube-apiserver at 127.0.0.1:${apiPort}`,
      found: { subject: 'kube-apiserver', issuer: 'kubernetes' },
    });
  });
});

test('a key that others may read', async () => {
  chmodSync(join(root, `${PAIR}/tls.key`), 0o644);
  const rows = await list({});
  chmodSync(join(root, `${PAIR}/tls.key`), 0o600);
  expect(rows.map(brief)).toContain('apiserver disk key-open');
});

test('a host that refuses the connection: the store is listed, and its rows say why', async () => {
  const rows = await list({ port: await freePort(), connectSeconds: 5 });
  expect(rows.map(brief).sort()).toEqual([
    'apiserver disk none CONNECT',
    'apiserver store',
    'apiserver wire none CONNECT',
    'ca disk none CONNECT',
    'ca store',
  ]);
  expect(rows.find(({ unseen }) => unseen !== undefined)?.unseen?.message).toMatch(/refused/);
});

test('renewed in the store only: disk and listener still have the old one', async () => {
  await store.issue(spec, Date.now() + 60_000);
  expect((await list({})).map(brief).sort()).toEqual([
    'apiserver disk older',
    'apiserver store',
    'apiserver wire older',
    'ca disk',
    'ca store',
  ]);
});

test('a listener that is something else', async () => {
  const stranger = openPkiStore(join(bench.folder, 'stranger'));
  await stranger.issue(authority({ commonName: 'stranger' }), Date.now());
  for (const listener of servers.splice(0)) await new Promise((resolve) => listener.close(resolve));
  const [cert, key] = await Promise.all(
    (['certificate', 'key'] as const).map((part) => stranger.read({ certificate: 'ca', part })),
  );
  await serve({ cert: cert!.reveal(), key: key!.reveal() });
  expect((await list({})).map(brief)).toContain('apiserver wire unknown');
});

test('nobody listens: the rest is told all the same', async () => {
  for (const listener of servers.splice(0)) await new Promise((resolve) => listener.close(resolve));
  const rows = await list({});
  expect(rows.map(brief)).toEqual(expect.arrayContaining(['apiserver wire none CONNECT', 'apiserver disk older']));
});
