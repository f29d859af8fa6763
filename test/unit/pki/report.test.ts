import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateRow } from '../../../src/model/certificateRow.ts';
import type { CertSpec, SeenCertificate, StoredCertificate } from '../../../src/model/pki.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { seenCertificate } from '../../../src/pki/certificate.ts';
import { certificateReport, endingWithin, type ReportInput } from '../../../src/pki/report/report.ts';
import type { Disk, FileSight, HostSight, Unseen, WireSight } from '../../../src/pki/report/sight.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import type { IssuedUser } from '../../../src/pki/userCertificate.ts';
import { authority, DAY, leaf, NOW } from './samples.ts';

const END = NOW + 265 * DAY;
const CA_END = NOW + 3000 * DAY;
const ROOT = 'root:root';

/** What a store holds for a spec: the key id of `ca` is `key-ca`. */
const kept = (spec: CertSpec, changes: Partial<StoredCertificate> = {}): StoredCertificate => {
  const { name, commonName, organizations, dnsNames, ipAddresses, usages, isAuthority, algorithm } = spec;
  const keyId = `key-${name}`;
  return {
    ...{ name, commonName, organizations, dnsNames, ipAddresses, usages, isAuthority, algorithm, keyId },
    ...{ certSha256: `cert-${name}`, keySha256: `secret-${name}`, spkiSha256: '', serial: `5E-${name}` },
    issuerKeyId: spec.ca === undefined ? keyId : `key-${spec.ca}`,
    notBefore: NOW - 100 * DAY,
    notAfter: spec.isAuthority ? CA_END : END,
    ...changes,
  };
};

/** The same as somebody meets it. */
const seen = (stored: StoredCertificate, changes: Partial<SeenCertificate> = {}): SeenCertificate => {
  const { serial, commonName, organizations, dnsNames, ipAddresses, usages, isAuthority, ...rest } = stored;
  const { notBefore, notAfter, issuerKeyId, keyId, algorithm } = rest;
  return {
    ...{ serial, commonName, organizations, dnsNames, ipAddresses, usages, isAuthority },
    ...{ notBefore, notAfter, issuerKeyId, keyId, algorithm },
    issuer: 'kubernetes',
    fingerprint: '',
    ...changes,
  };
};

const CA = authority();
const SERVING = leaf({ name: 'kubelet-serving@w-1', host: 'w-1' });
const ADMIN = leaf({
  name: 'admin',
  commonName: 'kubernetes-admin',
  dnsNames: [],
  ipAddresses: [],
  usages: ['client'],
});
const SIGNER = authority({ name: 'kubelet-signer', ca: 'ca', commonName: 'kbin-kubelet-signer', dnsNames: [] });
const stored = {
  ca: kept(CA),
  'kubelet-signer': kept(SIGNER),
  [SERVING.name]: kept(SERVING),
  admin: kept(ADMIN),
};
const serving = stored[SERVING.name]!;

const CRT = '/etc/kubernetes/pki/kubelet-serving/tls.crt';
const KEY = '/etc/kubernetes/pki/kubelet-serving/tls.key';
const BUNDLE = '/etc/kubernetes/pki/ca.crt';
const OWN = '/var/lib/kubelet/pki/kubelet-client-current.pem';
const resources: Resource[] = [
  {
    ...{ id: 'pair:p', kind: 'pair', phase: 'node', path: '/etc/kubernetes/pki/kubelet-serving', pairsDir: '/p' },
    ...{ owner: ROOT, certificate: SERVING.name },
  },
  {
    ...{ id: `file:${BUNDLE}`, kind: 'file', phase: 'host', path: BUNDLE, mode: '0644', owner: ROOT },
    body: { concat: [{ certificate: 'ca', part: 'trusted' }] },
  },
  {
    ...{ id: `renewed:${OWN}`, kind: 'renewed', phase: 'node', path: OWN, unit: 'kubelet.service' },
    signers: ['kubelet-signer', 'ca'],
  },
];

const file = (changes: Partial<FileSight> = {}): FileSight => ({
  ...{ mode: '0600', owner: ROOT, holdsKey: false },
  ...changes,
});
const files: Disk['files'] = {
  [CRT]: file(),
  [KEY]: file({ holdsKey: true, sha256: serving.keySha256 }),
  [BUNDLE]: file({ mode: '0644' }),
  [OWN]: file({ holdsKey: true }),
};
const renewed = seen(kept(leaf({ name: 'x' })), { serial: '0C', issuerKeyId: 'key-kubelet-signer', issuer: 'signer' });
const certificates: Disk['certificates'] = [
  { path: CRT, certificate: seen(serving) },
  { path: BUNDLE, certificate: seen(stored.ca) },
  { path: OWN, certificate: renewed },
];
const wire = (sight: WireSight['seen']): WireSight[] => [
  { listener: 'kubelet', row: 'kubelet-serving', address: '127.0.0.1:10250', seen: sight },
];
const disk: Disk = { certificates, files, named: [] };
const sight: HostSight = { host: 'w-1', disk, wire: wire({ certificate: seen(serving) }) };

const world = (changes: Partial<ReportInput> = {}): ReportInput => ({
  specs: new Map([CA, SIGNER, SERVING, ADMIN].map((spec) => [spec.name, spec])),
  stored,
  issued: [],
  sights: [sight],
  resources: { 'w-1': resources },
  now: NOW,
  ...changes,
});
const onDisk = (changes: Partial<Disk>): Partial<ReportInput> => ({
  sights: [{ ...sight, disk: { ...disk, ...changes } }],
});
const inStore = (...changed: StoredCertificate[]): Partial<ReportInput> => ({
  stored: { ...stored, ...Object.fromEntries(changed.map((one) => [one.name, one])) },
});

/** What is wrong, as `name place code: text`. */
const faults = (input: Partial<ReportInput>): string[] =>
  certificateReport(world(input)).flatMap(({ name, place, disagreements }) =>
    disagreements.map(({ code, text }) => `${name} ${place} ${code}: ${text}`),
  );

const brief = ({ name, host, place, at }: CertificateRow): string =>
  [name, host ?? '-', place, at ?? ''].join(' ').trim();

test('where all agree nothing is wrong, and each certificate stands where it was seen', () => {
  const rows = certificateReport(world());
  expect(rows.filter(({ disagreements, unseen }) => disagreements.length > 0 || unseen !== undefined)).toEqual([]);
  expect(rows.map(brief).sort()).toEqual([
    'admin - store',
    'ca - store',
    `ca w-1 disk ${BUNDLE}`,
    `kubelet-client-current w-1 disk ${OWN}`,
    `kubelet-serving w-1 disk ${CRT}`,
    'kubelet-serving w-1 store',
    'kubelet-serving w-1 wire kubelet at 127.0.0.1:10250',
    'kubelet-signer - store',
  ]);
});

test('an authority below one of another house: the root belongs to its bundle, and its end is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kbin-report-'));
  try {
    const house = openPkiStore(folder);
    const [root] = await house.issueAll([authority({ name: 'ca', commonName: 'Example Root', days: 10 })], NOW);
    const certificate = seenCertificate(root!.pem!);
    const below = { ...stored.ca, issuerKeyId: root!.keyId, above: [root!.pem!] };
    const bundle = { ...resources[1], body: { concat: [{ certificate: 'ca', part: 'roots' }] } } as Resource;
    const input = (all: SeenCertificate[]) =>
      world({
        ...inStore(below),
        sights: [{ ...sight, disk: { ...disk, ...instead(BUNDLE, ...all) } }],
        resources: { 'w-1': [resources[0]!, bundle, resources[2]!] },
      });
    const rows = certificateReport(input([seen(below), certificate]));
    expect(rows.filter(({ name }) => name === 'Example Root').map(brief)).toEqual([
      'Example Root - store',
      `Example Root w-1 disk ${BUNDLE}`,
    ]);
    expect(rows[0]?.disagreements).toEqual([
      {
        code: 'ends-first',
        text: 'ends on 2026-11-30, before what it has signed: ca would be valid until 2035-02-06',
      },
    ]);
    expect(rows.slice(1).flatMap(({ disagreements }) => disagreements)).toEqual([]);
    expect(certificateReport(input([seen(below)])).map(({ disagreements }) => disagreements[0]?.text)).toContain(
      'is not in the file',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a certificate that a chain joins to a trusted authority', () => {
  const chained = { ...serving, issuerKeyId: 'between', chainKeyIds: ['key-ca'] };
  const between = seen(kept(SIGNER, { name: 'between', keyId: 'between' }));
  const input = {
    ...inStore(chained),
    sights: [
      {
        ...sight,
        disk: { ...disk, ...instead(CRT, seen(chained), between) },
        wire: wire({ certificate: seen(chained) }),
      },
    ],
  };
  expect(faults(input)).toEqual([]);
});

test('a row tells the fields of its certificate', () => {
  const row = certificateReport(world()).find(({ name, place }) => name === 'kubelet-serving' && place === 'store');
  expect(row?.found).toEqual({
    subject: 'system:node:worker-1',
    issuer: 'kubernetes',
    organizations: ['system:nodes'],
    sans: ['worker-1', '10.0.0.31', 'fd00::31'],
    serial: serving.serial,
    notBefore: NOW - 100 * DAY,
    notAfter: END,
    daysLeft: 265,
  });
});

const before = seen(serving, { serial: '01', notBefore: NOW - 300 * DAY, notAfter: NOW + 65 * DAY });
const stranger = seen(serving, {
  ...{ serial: '02', commonName: 'localhost', issuer: 'localhost-ca', issuerKeyId: 'feedbeef99', keyId: '7' },
});
const without = (path: string): Partial<Disk> => ({
  certificates: certificates.filter((one) => one.path !== path),
  files: Object.fromEntries(Object.entries(files).filter(([own]) => own !== path)),
});
const instead = (path: string, ...all: SeenCertificate[]): Partial<Disk> => ({
  certificates: [
    ...certificates.filter((one) => one.path !== path),
    ...all.map((certificate) => ({ path, certificate })),
  ],
});
const fileWith = (path: string, changes: Partial<FileSight>): Partial<Disk> => ({
  files: { ...files, [path]: file({ ...files[path], ...changes }) },
});
const next = kept(CA, { name: 'ca-next', keyId: 'key-ca-next', issuerKeyId: 'key-ca-next', serial: '5E-ca-next' });
const old = kept(CA, { name: 'ca-old', keyId: 'key-ca-old', issuerKeyId: 'key-ca-old', serial: '5E-ca-old' });
const byOld = { ...serving, issuerKeyId: 'key-ca-old' };
const END_DAY = '2027-08-12';

test.each<[string, Partial<ReportInput>, string[]]>([
  ['stored but not on the disk', onDisk(without(CRT)), ['kubelet-serving disk missing: is not on the disk']],
  [
    'the disk is older than the store',
    onDisk(instead(CRT, before)),
    [
      `kubelet-serving disk older: is still serial 01 until 2027-01-24; the store has serial 5E-kubelet-serving@w-1 until ${END_DAY}`,
    ],
  ],
  [
    'the wire still serves the old one',
    { sights: [{ ...sight, wire: wire({ certificate: before }) }] },
    [
      `kubelet-serving wire older: is still serial 01 until 2027-01-24; the store has serial 5E-kubelet-serving@w-1 until ${END_DAY}`,
    ],
  ],
  [
    'the wire serves something unknown',
    { sights: [{ ...sight, wire: wire({ certificate: stranger }) }] },
    [
      `kubelet-serving wire unknown: is something unknown: localhost, signed by localhost-ca (key id feedbeef), serial 02; the store has serial 5E-kubelet-serving@w-1 until ${END_DAY}`,
    ],
  ],
  [
    'the wire serves a later one than the store knows',
    { sights: [{ ...sight, wire: wire({ certificate: seen(serving, { serial: '03', notBefore: NOW }) }) }] },
    [
      `kubelet-serving wire unknown: is something unknown: system:node:worker-1, signed by kubernetes (key id key-ca), serial 03; the store has serial 5E-kubelet-serving@w-1 until ${END_DAY}`,
    ],
  ],
  [
    'disk and wire have what the store has lost',
    { stored: { ca: stored.ca, 'kubelet-signer': stored['kubelet-signer'], admin: stored.admin } },
    [
      'kubelet-serving disk unknown: is system:node:worker-1, signed by kubernetes (key id key-ca), serial 5E-kubelet-serving@w-1, and the store has none',
      'kubelet-serving store missing: is not in the store',
      'kubelet-serving wire unknown: is system:node:worker-1, signed by kubernetes (key id key-ca), serial 5E-kubelet-serving@w-1, and the store has none',
    ],
  ],
  [
    'others may read a key',
    onDisk(fileWith(KEY, { mode: '0640' })),
    ['kubelet-serving disk key-open: others may read its key: the mode is 0640, not 0600'],
  ],
  [
    'others may read a file that holds certificate and key',
    onDisk(fileWith(OWN, { mode: '0604' })),
    ['kubelet-client-current disk key-open: others may read its key: the mode is 0604, not 0600'],
  ],
  ['a key may be narrower than it has to be', onDisk(fileWith(KEY, { mode: '0400' })), []],
  [
    'owners are others',
    onDisk({
      files: { ...files, [KEY]: file({ ...files[KEY], owner: 'etcd:etcd' }), [CRT]: file({ owner: 'bob:root' }) },
    }),
    [
      'kubelet-serving disk owner: its file is owned by bob:root, not root:root',
      'kubelet-serving disk owner: its key is owned by etcd:etcd, not root:root',
    ],
  ],
  [
    'others may write what is trusted',
    onDisk(fileWith(BUNDLE, { mode: '0664' })),
    ['ca disk writable: others may write it: its mode is 0664'],
  ],
  [
    'the key on the disk is another',
    onDisk(fileWith(KEY, { sha256: 'other' })),
    ["kubelet-serving disk key-differs: its key is not the store's"],
  ],
  ['the key on the disk is gone', onDisk(without(KEY)), ['kubelet-serving disk missing: its key is not on the disk']],
  [
    'a file holds no certificate',
    onDisk({ certificates: certificates.filter(({ path }) => path !== CRT) }),
    ['kubelet-serving disk unreadable: holds no certificate that can be read'],
  ],
  [
    'the issuer is no trusted generation',
    {
      ...inStore({ ...serving, issuerKeyId: 'retired-ca' }),
      sights: [
        { ...sight, disk: { ...disk, ...instead(CRT, seen(serving, { issuerKeyId: 'retired-ca' })) }, wire: [] },
      ],
    },
    [
      'kubelet-serving disk unknown-issuer: is signed by kubernetes (key id retired-), which is no trusted generation of ca',
      'kubelet-serving store unknown-issuer: is signed by key id retired-, which is no trusted generation of ca',
    ],
  ],
  [
    'the issuer is the generation that does not sign any more but is trusted',
    {
      ...inStore(old, byOld),
      sights: [
        {
          ...sight,
          disk: {
            ...disk,
            certificates: [
              { path: CRT, certificate: seen(byOld) },
              ...[stored.ca, old].map((one) => ({ path: BUNDLE, certificate: seen(one) })),
            ],
          },
          wire: wire({ certificate: seen(byOld) }),
        },
      ],
    },
    [],
  ],
  [
    'the kubelet has a certificate of an authority that is gone',
    onDisk(instead(OWN, { ...renewed, issuerKeyId: 'gone-gone-gone' })),
    [
      'kubelet-client-current disk unknown-issuer: is signed by signer (key id gone-gon), which is no trusted generation of kubelet-signer or ca',
    ],
  ],
  ['a bundle lacks a generation', inStore(next), ['ca-next disk missing: is not in the file']],
  [
    'a bundle holds what is trusted no more',
    onDisk(instead(BUNDLE, seen(stored.ca), seen(old))),
    [`${BUNDLE} disk unknown-authority: holds kubernetes, serial 5E-ca-old, which is no trusted generation of ca`],
  ],
  [
    'the SANs are not those of the inventory',
    {
      specs: new Map(
        [CA, SIGNER, { ...SERVING, dnsNames: ['worker-1', 'new'] }, ADMIN].map((spec) => [spec.name, spec]),
      ),
    },
    ['kubelet-serving store not-as-inventory: differs from the inventory: names change: +new'],
  ],
  [
    'an authority ends before what it has signed',
    {
      ...inStore({ ...stored.ca, notAfter: NOW + 100 * DAY }),
      sights: [{ ...sight, disk: { ...disk, ...instead(BUNDLE, seen(stored.ca, { notAfter: NOW + 100 * DAY })) } }],
    },
    [
      `ca store ends-first: ends on 2027-02-28, before what it has signed: kubelet-signer would be valid until 2035-02-06`,
    ],
  ],
  [
    'something is not valid yet',
    inStore({ ...stored.admin, notBefore: NOW + DAY, notAfter: NOW + 366 * DAY }),
    ['admin store not-yet-valid: is not valid before 2026-11-21'],
  ],
])('%s', (_, input, expected) => {
  expect(faults(input).sort()).toEqual(expected);
});

test('what has expired is told in each place', () => {
  const over = { ...serving, notBefore: NOW - 1 - 365 * DAY, notAfter: NOW - 1 };
  const gone = { certificate: seen(over) };
  const input = {
    ...inStore(over),
    sights: [{ ...sight, disk: { ...disk, ...instead(CRT, gone.certificate) }, wire: wire(gone) }],
  };
  expect(faults(input)).toEqual(
    ['disk', 'store', 'wire'].map((place) => `kubelet-serving ${place} expired: expired on 2026-11-20`),
  );
  expect(certificateReport(world(input))[0]?.found?.daysLeft).toBe(-1);
});

test('of a host that cannot be reached everything is unknown, and why', () => {
  const unseen: Unseen = { code: 'CONNECT', message: 'w-1: no route to host' };
  const rows = certificateReport(world({ sights: [{ host: 'w-1', disk: unseen, wire: wire(unseen) }] }));
  expect(rows.filter((row) => row.unseen !== undefined).map((row) => [brief(row), row.unseen, row.found])).toEqual([
    [`ca w-1 disk ${BUNDLE}`, unseen, null],
    [`kubelet-client-current w-1 disk ${OWN}`, unseen, null],
    [`kubelet-serving w-1 disk ${CRT}`, unseen, null],
    ['kubelet-serving w-1 wire kubelet at 127.0.0.1:10250', unseen, null],
  ]);
  expect(rows.flatMap(({ disagreements }) => disagreements)).toEqual([]);
});

const ADMIN_CONF = '/etc/kubernetes/admin.conf';
const kubeconfig = (certificate: SeenCertificate, mode = '0600'): Partial<ReportInput> =>
  onDisk({
    certificates: [...certificates, { path: ADMIN_CONF, field: 'client-certificate', certificate }],
    files: { ...files, [ADMIN_CONF]: file({ mode, holdsKey: true }) },
  });

test.each<[string, SeenCertificate, string, string[]]>([
  ['the admin of the store', seen(stored.admin), 'admin', []],
  ['of kubeadm with the same CA', seen(stored.admin, { serial: '77' }), ADMIN_CONF, []],
  [
    'of a cluster before',
    seen(stored.admin, { serial: '77', issuerKeyId: 'before' }),
    ADMIN_CONF,
    [`${ADMIN_CONF} disk unknown-issuer: is signed by kubernetes, but by no trusted generation of ca`],
  ],
  ['of another house', seen(stored.admin, { serial: '77', issuer: 'corp', issuerKeyId: 'before' }), ADMIN_CONF, []],
])('a kubeconfig with a certificate inside: %s', (_, certificate, name, expected) => {
  expect(faults(kubeconfig(certificate))).toEqual(expected);
  const rows = certificateReport(world(kubeconfig(certificate)));
  expect(rows.map(brief)).toContain(`${name} w-1 disk ${ADMIN_CONF} (client-certificate-data)`);
});

test('a kubeconfig with a key inside that others may read, and one that names what is gone', () => {
  expect(faults(kubeconfig(seen(stored.admin), '0644'))).toEqual([
    'admin disk key-open: others may read its key: the mode is 0644, not 0600',
  ]);
  expect(
    faults(
      onDisk({
        named: [
          { path: '/gone.crt', by: ADMIN_CONF },
          { path: CRT, by: ADMIN_CONF },
        ],
      }),
    ),
  ).toEqual([`/gone.crt disk missing: is not on the disk, but ${ADMIN_CONF} names it`]);
});

test('a kubeconfig of the operator is compared by its client, whoever its server is', () => {
  const path = '/etc/kubernetes/audit-webhook.conf';
  const client = kept(ADMIN, { name: 'audit-webhook', serial: 'AB', issuerKeyId: 'elsewhere', keySha256: '' });
  const server = seen(kept(CA, { name: 'x', keyId: 'elsewhere', serial: 'AC' }), { commonName: 'elsewhere' });
  const webhook = {
    ...{ id: `file:${path}`, kind: 'file', phase: 'apiserver', path, mode: '0600', owner: ROOT },
    body: { secret: { certificate: 'audit-webhook', part: 'key' } },
  } as Resource;
  const input = (certificate: SeenCertificate, mode = '0600') => ({
    ...inStore(client),
    resources: { 'w-1': [...resources, webhook] },
    ...onDisk({
      certificates: [
        ...certificates,
        { path, field: 'certificate-authority' as const, certificate: server },
        { path, field: 'client-certificate' as const, certificate },
      ],
      files: { ...files, [path]: file({ mode, holdsKey: true }) },
    }),
  });
  expect(faults(input(seen(client)))).toEqual([]);
  expect(faults(input(seen(client), '0640'))).toEqual([
    'audit-webhook disk key-open: others may read its key: the mode is 0640, not 0600',
  ]);
  expect(faults(input(seen(client, { serial: '01', notBefore: 1 })))).toEqual([
    `audit-webhook disk older: is still serial 01 until ${END_DAY}; the store has serial AB until ${END_DAY}`,
  ]);
});

test('a kubeconfig trusts an authority that is no more', () => {
  const certificate = seen(old);
  expect(
    faults(
      onDisk({ certificates: [...certificates, { path: ADMIN_CONF, field: 'certificate-authority', certificate }] }),
    ),
  ).toEqual([
    `${ADMIN_CONF} (certificate-authority) disk unknown-authority: is called kubernetes, but is no trusted generation of ca`,
  ]);
});

const issued = (changes: Partial<IssuedUser> = {}): IssuedUser => ({
  ...{ name: 'alice', groups: ['dev'], serial: 'A1', fingerprint: '', authorityKeyId: 'key-ca' },
  issuedAt: new Date(NOW - DAY).toISOString(),
  expires: new Date(NOW + 20 * DAY).toISOString(),
  ...changes,
});

test('kubeconfigs that were handed out are listed until they end', () => {
  const over = issued({ name: 'bob', expires: new Date(NOW).toISOString() });
  const rows = certificateReport(world({ issued: [issued(), over] })).filter(({ name }) =>
    name.startsWith('kubeconfig'),
  );
  expect(rows.map((row) => [brief(row), row.found?.subject, row.found?.organizations, row.found?.daysLeft])).toEqual([
    ['kubeconfig/alice - store', 'alice', ['dev'], 20],
  ]);
  expect(faults({ issued: [issued({ authorityKeyId: 'gone' })] })).toEqual([
    'kubeconfig/alice store unknown-issuer: is signed by a CA that is no longer trusted: issue it again (kbin kubeconfig issue alice)',
  ]);
});

test('what the store has left over of a host that is gone is no fault, expired or not', () => {
  const gone = kept({ ...SERVING, name: 'kubelet-serving@w-9' }, { notAfter: NOW - DAY });
  const rows = certificateReport(world({ ...inStore(gone) }));
  expect(rows.filter(({ isUnused }) => isUnused === true).map(brief)).toEqual(['kubelet-serving w-9 store']);
  expect(rows.at(-1)?.host).toBe('w-9');
  expect(rows.flatMap(({ disagreements }) => disagreements)).toEqual([]);
  expect(endingWithin(rows, DAY, NOW)).toEqual([]);
});

test('with fewer hosts asked, the store’s certificates of the others are left out', () => {
  const other = { ...SERVING, name: 'kubelet-serving@w-2', host: 'w-2' };
  const input = world({
    ...inStore(kept(other)),
    specs: new Map([CA, SIGNER, SERVING, other, ADMIN].map((spec) => [spec.name, spec])),
    resources: { 'w-1': resources, 'w-2': [] },
  });
  expect(certificateReport(input).map(({ host }) => host)).not.toContain('w-2');
});

test('the worst comes first: what is wrong, what could not be seen, what ends first', () => {
  const unseen: Unseen = { code: 'TIMEOUT', message: 'no handshake within 5 s' };
  const rows = certificateReport(
    world({
      sights: [{ ...sight, disk: { ...disk, ...instead(CRT, before) }, wire: wire(unseen) }],
      issued: [issued()],
    }),
  );
  expect(rows.slice(0, 3).map(({ name, place }) => `${name} ${place}`)).toEqual([
    'kubelet-serving disk',
    'kubelet-serving wire',
    'kubeconfig/alice store',
  ]);
});

test.each<[string, Partial<ReportInput>, number, string[]]>([
  ['nothing', {}, 30, []],
  ['leaves', {}, 265, ['admin', 'kubelet-client-current', 'kubelet-serving', 'kubelet-serving', 'kubelet-serving']],
  ['what has ended', inStore({ ...stored.admin, notAfter: NOW - DAY }), 1, ['admin']],
  ['no kubeconfig that was never to live longer', { issued: [issued()] }, 30, []],
  [
    'a kubeconfig that lived longer',
    { issued: [issued({ issuedAt: '2026-01-01T00:00:00Z' })] },
    30,
    ['kubeconfig/alice'],
  ],
  [
    'no kubeconfig that was issued again',
    { issued: [issued({ issuedAt: '2026-01-01T00:00:00Z' }), issued({ expires: '2028-01-01T00:00:00Z' })] },
    30,
    [],
  ],
])('what ends soon: %s', (_, input, days, expected) => {
  const rows = certificateReport(world(input));
  expect(
    endingWithin(rows, days * DAY, NOW)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(expected);
});
