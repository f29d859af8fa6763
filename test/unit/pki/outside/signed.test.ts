import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateName, CertSpec } from '../../../../src/model/pki.ts';
import { certificateSpecs } from '../../../../src/pki/catalog.ts';
import { certificatesIn } from '../../../../src/pki/chain.ts';
import { issueReason } from '../../../../src/pki/expiry.ts';
import { adopt } from '../../../../src/pki/outside/adopt.ts';
import { givenAuthority } from '../../../../src/pki/outside/givenAuthority.ts';
import { pendingRequests, requestCertificates } from '../../../../src/pki/outside/requests.ts';
import { judgeSigned, placeSigned } from '../../../../src/pki/outside/signed.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { DAY, inventory, openssl, rows, temporaryDirectory, testWithOpenssl } from '../samples.ts';
import { CA, filesOf, make, sign, textOf, wish, type Made } from './authorities.ts';

const AKI = 'authorityKeyIdentifier=keyid';
const base = temporaryDirectory();
let worlds = 0;

interface World {
  directory: string;
  /** Where requests and signed certificates are. */
  folder: string;
  ca: Made;
  root: Made;
  /** `ca`, which the store has without its key, and its root. */
  specs: ReadonlyMap<CertificateName, CertSpec>;
}

/** A store whose authority `ca` signs elsewhere; below a root of its own. */
async function newWorld(): Promise<World> {
  const folder = join(base, `world-${(worlds += 1)}`);
  mkdirSync(folder);
  const directory = join(folder, 'pki');
  const root = make(folder, 'root');
  const ca = make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI] });
  const given = givenAuthority(filesOf(ca, { key: null, chain: textOf(root.certificate) }), wish());
  if ('faults' in given) throw new Error(given.faults.join());
  await adopt({ directory, rows }, [given]);
  const { certificates } = certificateSpecs(inventory(), rows);
  return { directory, folder, ca, root, specs: new Map(certificates.map((spec) => [spec.name, spec])) };
}

/** Requests for these, as files. */
async function request({ directory, folder, specs }: World, names: readonly string[]): Promise<string[]> {
  const requests = await requestCertificates(
    directory,
    names.map((name) => specs.get(name)!),
  );
  return requests.map(({ name, pem }) => {
    const path = join(folder, `${name}.csr`);
    writeFileSync(path, pem);
    return path;
  });
}

async function judge({ directory, specs }: World, files: readonly string[], now = Date.now()) {
  const named = files.map((file) => ({ label: file.split('/').at(-1)!, text: textOf(file) }));
  const stored = await openPkiStore(directory).list();
  return judgeSigned(named, { pending: await pendingRequests(directory), specs, stored, now });
}

const snapshot = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => statSync(join(directory, file)).isFile())
      .map((file) => [file, readFileSync(join(directory, file), 'utf8')]),
  );

const SERVER = 'apiserver@cp-1';
const CLIENT = 'kubelet@worker-1';

testWithOpenssl(
  'a request asks for everything that the certificate must have, and its key stays in the store',
  async () => {
    const world = await newWorld();
    const [file] = await request(world, [SERVER, CLIENT, 'kubelet-signer']);
    const told = openssl('req', '-in', file!, '-noout', '-verify', '-text');
    expect(told).toMatch(/Subject: CN ?= ?kube-apiserver/);
    expect(told).toMatch(/DNS:kubernetes\.default\.svc\.cluster\.local.*IP Address:10\.96\.0\.1/);
    expect(told).toMatch(
      /Key Usage: critical\s+Digital Signature, Key Encipherment\s+X509v3 Extended Key Usage:\s+TLS Web Server/,
    );
    const client = openssl('req', '-in', join(world.folder, `${CLIENT}.csr`), '-noout', '-text');
    expect(client).toMatch(/Subject: O ?= ?system:nodes, CN ?= ?system:node:worker-1/);
    const signer = openssl('req', '-in', join(world.folder, 'kubelet-signer.csr'), '-noout', '-text');
    expect(signer).toMatch(/CA:TRUE, pathlen:0/);
    expect(signer).toMatch(/Certificate Sign/);
    const keys = readdirSync(join(world.directory, 'requests'), { recursive: true, encoding: 'utf8' });
    expect(keys.toSorted()).toEqual([
      'hosts',
      'hosts/cp-1',
      'hosts/cp-1/apiserver.key',
      'hosts/worker-1',
      'hosts/worker-1/kubelet.key',
      'kubelet-signer.key',
    ]);
    for (const key of keys) {
      const { mode } = statSync(join(world.directory, 'requests', key));
      expect([key, mode & 0o777]).toEqual([key, key.endsWith('.key') ? 0o600 : 0o700]);
    }
    // What waits is no certificate of the store.
    expect(Object.keys(await openPkiStore(world.directory).list())).toEqual(['ca']);
  },
);

testWithOpenssl('asked for again, what waits keeps its key; another algorithm needs another one', async () => {
  const world = await newWorld();
  const spec = world.specs.get(SERVER)!;
  const [first] = await requestCertificates(world.directory, [spec]);
  const before = snapshot(world.directory);
  const [again] = await requestCertificates(world.directory, [spec]);
  expect([first?.isRepeated, again?.isRepeated]).toEqual([false, true]);
  expect(snapshot(world.directory)).toEqual(before);
  const [other] = await requestCertificates(world.directory, [{ ...spec, algorithm: 'ECDSA-P384' }]);
  expect(other?.isRepeated).toBe(false);
  expect((await pendingRequests(world.directory)).size).toBe(1);
});

testWithOpenssl(
  'what comes back takes its place, believed by those who know the root alone, and nothing is left to issue',
  async () => {
    const world = await newWorld();
    const requests = await request(world, [SERVER, CLIENT, 'kubelet-signer']);
    const signer = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign'];
    const signed = requests.map((file) => sign(file, world.ca, file.includes('signer') ? { extensions: signer } : {}));
    const { accepted, faults, notes } = await judge(world, signed);
    expect(faults).toEqual([]);
    expect(notes).toEqual(['kubelet-signer.crt: kubelet-signer is valid for 365 days; the inventory wants 3650']);
    await placeSigned(world.directory, accepted);
    expect((await pendingRequests(world.directory)).size).toBe(0);
    const stored = await openPkiStore(world.directory).list();
    for (const name of [SERVER, CLIENT, 'kubelet-signer']) {
      const spec = world.specs.get(name)!;
      expect([name, issueReason({ spec, stored: stored[name], issuer: stored['ca'], now: Date.now() })]).toEqual([
        name,
        null,
      ]);
    }
    const text = textOf(join(world.directory, 'hosts/cp-1/apiserver.crt'));
    expect(certificatesIn(text)).toEqual([textOf(signed[0]!), textOf(world.ca.certificate)]);
    // Exactly one: kube-controller-manager signs with it.
    expect(certificatesIn(textOf(join(world.directory, 'kubelet-signer.crt')))).toHaveLength(1);
    const presented = join(world.folder, 'presented.pem');
    writeFileSync(presented, text);
    openssl(
      'verify',
      '-CAfile',
      world.root.certificate,
      '-untrusted',
      presented,
      '-verify_hostname',
      'kubernetes',
      presented,
    );
  },
);

testWithOpenssl('renewal asks with another key, and the pair in use stays until the new one comes', async () => {
  const world = await newWorld();
  const [file] = await request(world, [SERVER]);
  await placeSigned(world.directory, (await judge(world, [sign(file!, world.ca)])).accepted);
  const pair = (): string[] =>
    ['crt', 'key'].map((end) => textOf(join(world.directory, `hosts/cp-1/apiserver.${end}`)));
  const first = pair();
  const [again] = await request(world, [SERVER]);
  expect(pair()).toEqual(first);
  const { accepted } = await judge(world, [sign(again!, world.ca)]);
  expect(pair()).toEqual(first);
  await placeSigned(world.directory, accepted);
  const second = pair();
  expect(second[0]).not.toBe(first[0]);
  expect(second[1]).not.toBe(first[1]);
  expect(await openPkiStore(world.directory).list()).toHaveProperty([SERVER]);
});

testWithOpenssl(
  'certificates between it and the authority come with it, in its file or in one of their own',
  async () => {
    const world = await newWorld();
    const middle = make(world.folder, 'middle', { issuer: world.ca, extensions: [...CA, AKI] });
    const requests = await request(world, [SERVER, CLIENT]);
    const signed = requests.map((file) => sign(file, middle));
    const alone = await judge(world, signed);
    expect(alone.faults).toEqual([
      expect.stringMatching(
        /^apiserver@cp-1\.crt: apiserver@cp-1 is signed by middle, and nothing leads from there to ca \(issuing, key id [0-9a-f]{8}\)\. Give the certificates between them too$/,
      ),
      expect.stringContaining('kubelet@worker-1.crt: kubelet@worker-1 is signed by middle'),
    ]);
    const { accepted, faults } = await judge(world, [...signed, middle.certificate]);
    expect(faults).toEqual([]);
    await placeSigned(world.directory, accepted);
    const stored = (await openPkiStore(world.directory).list())[SERVER]!;
    const ca = (await openPkiStore(world.directory).list())['ca']!;
    expect(issueReason({ spec: world.specs.get(SERVER)!, stored, issuer: ca, now: Date.now() })).toBeNull();
    expect(certificatesIn(textOf(join(world.directory, 'hosts/cp-1/apiserver.crt')))).toHaveLength(3);
  },
);

testWithOpenssl('what is there already is no fault, and names that were added are told', async () => {
  const world = await newWorld();
  const [server] = await request(world, [SERVER]);
  const first = sign(server!, world.ca);
  await placeSigned(world.directory, (await judge(world, [first])).accepted);
  const [client] = await request(world, [CLIENT]);
  const second = sign(client!, world.ca, { extensions: ['subjectAltName=DNS:worker-1.acme.example'] });
  const { accepted, known, notes, faults } = await judge(world, [first, second]);
  expect([accepted.map(({ name }) => name), known, faults]).toEqual([[CLIENT], [SERVER], []]);
  expect(notes).toEqual([
    'kubelet@worker-1.crt: kubelet@worker-1 is for worker-1.acme.example too, which was not asked for',
  ]);
});

/** How a certificate goes wrong. */
interface Wrong {
  name?: string;
  subject?: string;
  extensions?: string[];
  days?: number;
  digest?: 'sha1';
  /** Signed by another authority: of the same name, or of another one. */
  by?: 'namesake' | 'stranger';
  now?: number;
}

const SANS = 'subjectAltName=DNS:cp-1,DNS:kubernetes';

testWithOpenssl.each([
  [
    'another common name',
    { subject: '/CN=kube-apiserver2' },
    ['has the common name kube-apiserver2, not kube-apiserver'],
  ],
  [
    'an organization, which is a group',
    { subject: '/O=Acme/CN=kube-apiserver' },
    ['has the organization Acme, which Kubernetes would take for a group'],
  ],
  [
    'no organization where one is needed',
    { name: CLIENT, subject: '/CN=system:node:worker-1' },
    ['lacks the organization system:nodes'],
  ],
  [
    'names that are missing',
    { extensions: [SANS] },
    [/^lacks the subject alternative name kubernetes\.default, .*10\.96\.0\.1.*192\.0\.2\.7$/],
  ],
  [
    'another usage',
    { extensions: ['extendedKeyUsage=clientAuth'] },
    ['lacks the extended key usage server', 'has the extended key usage client, which was not asked for'],
  ],
  [
    'a key usage without signatures',
    { extensions: ['keyUsage=critical,keyEncipherment'] },
    ['lacks the key usage digital signature'],
  ],
  ['an authority', { extensions: ['basicConstraints=critical,CA:TRUE'] }, ['is an authority, and must not be one']],
  ['one that has expired', { days: 1, now: Date.now() + 2 * DAY }, [/^expired on /]],
  ['one that SHA-1 signs', { digest: 'sha1' }, [/^is signed with SHA-1/]],
  [
    'no authority key identifier',
    { extensions: ['authorityKeyIdentifier=none'] },
    ['does not name the key that signed it (authority key identifier)'],
  ],
  [
    'the signature of another authority',
    { by: 'stranger' },
    [/^is signed by stranger, and nothing leads from there to ca /],
  ],
  [
    'the signature of an authority that is called the same',
    { by: 'namesake' },
    [/^is signed by issuing, and nothing leads from there to ca /],
  ],
  [
    'a leaf where an authority belongs',
    { name: 'kubelet-signer', extensions: ['basicConstraints=CA:FALSE'] },
    ['is no authority: it lacks CA:TRUE'],
  ],
] as [string, Wrong, (string | RegExp)[]][])(
  'refused: %s; and nothing is written for its neighbours',
  async (_, wrong, expected) => {
    const world = await newWorld();
    const { name = SERVER, by, subject, now, ...signing } = wrong;
    const [file = '', neighbour = ''] = await request(world, [name, 'admin']);
    const issuer = by === undefined ? world.ca : make(world.folder, by === 'namesake' ? 'issuing' : by);
    const bad = subject === undefined ? sign(file, issuer, signing) : signedAs(world, file, subject);
    const before = snapshot(world.directory);
    const { faults } = await judge(world, [sign(neighbour, world.ca), bad], now);
    const own = faults
      .filter((fault) => fault.startsWith(`${name}.crt: ${name} `))
      .map((fault) => fault.slice(name.length * 2 + 7));
    expect(own).toHaveLength(expected.length);
    expected.forEach((one, index) =>
      one instanceof RegExp ? expect(own[index]).toMatch(one) : expect(own[index]).toBe(one),
    );
    expect(snapshot(world.directory)).toEqual(before);
  },
);

/** Signed for another subject, with what the request asks for. */
function signedAs({ folder, ca }: World, request: string, subject: string): string {
  const [key, out] = [join(folder, 'subject.pub'), request.replace(/\.csr$/, '.crt')];
  writeFileSync(key, openssl('req', '-in', request, '-noout', '-pubkey'));
  const file = join(folder, 'subject.ext');
  const sans = /Alternative Name:\s+(.*)/.exec(openssl('req', '-in', request, '-noout', '-text'))?.[1] ?? '';
  const usage = sans === '' ? 'clientAuth' : 'serverAuth';
  const lines = [
    AKI,
    `extendedKeyUsage=${usage}`,
    ...(sans === '' ? [] : [`subjectAltName=${sans.replaceAll('IP Address:', 'IP:')}`]),
  ];
  writeFileSync(file, lines.join('\n'));
  openssl(
    ...['x509', '-new', '-force_pubkey', key, '-subj', subject, '-CA', ca.certificate, '-CAkey', ca.key],
    ...['-days', '365', '-extfile', file, '-out', out],
  );
  return out;
}

testWithOpenssl('every fault of every file is told at once', async () => {
  const world = await newWorld();
  const [server = '', client = ''] = await request(world, [SERVER, CLIENT]);
  const stranger = make(world.folder, 'stranger', { extensions: ['basicConstraints=CA:FALSE'] });
  const half = join(world.folder, 'half.crt');
  writeFileSync(half, textOf(world.ca.certificate).slice(0, 200));
  const signed = [
    sign(server, world.ca, { extensions: [SANS, 'extendedKeyUsage=clientAuth'] }),
    sign(client, world.ca, { extensions: ['extendedKeyUsage=serverAuth'] }),
  ];
  const { faults, accepted } = await judge(world, [...signed, stranger.certificate, half]);
  expect(faults.map((fault) => fault.slice(0, fault.indexOf(':')))).toEqual([
    'half.crt',
    ...Array<string>(3).fill('apiserver@cp-1.crt'),
    ...Array<string>(2).fill('kubelet@worker-1.crt'),
    'stranger.pem',
  ]);
  expect(faults.at(-1)).toBe('stranger.pem: stranger is for no request that waits: its key is another one');
  expect(accepted).toEqual([]);
});

testWithOpenssl('the same certificate in two files is one; two for one request are a fault', async () => {
  const world = await newWorld();
  const [file = ''] = await request(world, [SERVER]);
  const first = sign(file, world.ca);
  const copy = join(world.folder, 'copy.crt');
  writeFileSync(copy, textOf(first));
  expect(await judge(world, [first, copy])).toMatchObject({ faults: [], accepted: [{ name: SERVER }] });
  sign(file, world.ca);
  expect((await judge(world, [first, copy])).faults).toEqual(['copy.crt: apiserver@cp-1 is there twice']);
});

testWithOpenssl(
  'what the inventory no longer needs is refused, and so is a file without a certificate for anybody',
  async () => {
    const world = await newWorld();
    const [file = ''] = await request(world, [SERVER]);
    const specs = new Map([...world.specs].filter(([name]) => name !== SERVER));
    expect((await judge({ ...world, specs }, [sign(file, world.ca)])).faults).toEqual([
      'apiserver@cp-1.crt: apiserver@cp-1 is no longer needed by the inventory',
    ]);
    expect((await judge(world, [world.root.certificate])).faults).toEqual([
      'root.pem: no certificate for any request that waits',
    ]);
  },
);
