import fc from 'fast-check';
import {
  EXTRA_AUTHORITIES,
  EXTRA_PER,
  EXTRA_RULES,
  LEAF_ROWS,
  RESERVED_NAMES,
  RULES_OF_HOSTS,
} from '../../../src/catalog/certificates.ts';
import type { Inventory, Role } from '../../../src/model/inventory.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import { canonicalAddress } from '../../../src/pki/address.ts';
import { certificateSpecs, parseCatalog } from '../../../src/pki/catalog.ts';
import { SELECTORS } from '../../../src/pki/catalogRow.ts';
import { HOST_RULES, SAN_RULES } from '../../../src/pki/sans.ts';
import { catalogText, host, inventory, rows } from './samples.ts';

const specsOf = (changes: Partial<Inventory> = {}): CertSpec[] =>
  certificateSpecs(inventory(changes), rows).certificates;
const named = (name: string): CertSpec => {
  const found = specsOf().find((spec) => spec.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

test('authorities come first, each after the one that signs it; then the rows in order, host by host', () => {
  expect(specsOf().map((spec) => spec.name)).toEqual([
    ...['ca', 'etcd-ca', 'front-proxy-ca', 'kubelet-signer'],
    ...['apiserver', 'apiserver-kubelet-client', 'apiserver-etcd-client', 'front-proxy-client'].map(
      (row) => `${row}@cp-1`,
    ),
    ...['controller-manager', 'scheduler', 'controller-manager-serving', 'scheduler-serving'].map(
      (row) => `${row}@cp-1`,
    ),
    ...['etcd-server@cp-1', 'etcd-server@etcd-1', 'etcd-peer@cp-1', 'etcd-peer@etcd-1'],
    ...['etcd-healthcheck-client', 'admin', 'super-admin'],
    ...['kubelet', 'kubelet-serving', 'kube-proxy', 'flannel'].flatMap((row) => [`${row}@cp-1`, `${row}@worker-1`]),
  ]);
  expect(certificateSpecs(inventory(), rows).keyPairs).toEqual([{ name: 'sa', algorithm: 'ECDSA-P256' }]);
});

test('an authority is put behind its signer also where the catalog lists it before', () => {
  const text = `
    - { name: below, per: cluster, ca: above, authority: true, cn: below, days: ca }
    - { name: above, per: cluster, authority: true, cn: above, days: ca }`;
  const specs = certificateSpecs(inventory(), parseCatalog(text)).certificates;
  expect(specs.map((spec) => spec.name)).toEqual(['above', 'below']);
});

test.each([
  ['ca', 'kubernetes', [], ['kubernetes'], [], []],
  ['kubelet-signer', 'kbin-kubelet-signer', [], [], [], []],
  [
    'apiserver@cp-1',
    'kube-apiserver',
    [],
    [
      ...['cp-1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'],
      ...['localhost', 'api.example.com', 'k8s.example.com'],
    ],
    ['127.0.0.1', '::1', '10.96.0.1', '10.0.0.11', '192.0.2.7'],
    ['server'],
  ],
  ['apiserver-kubelet-client@cp-1', 'kube-apiserver-kubelet-client', [], [], [], ['client']],
  ['apiserver-etcd-client@cp-1', 'kube-apiserver-etcd-client', [], [], [], ['client']],
  ['front-proxy-client@cp-1', 'front-proxy-client', [], [], [], ['client']],
  ['controller-manager@cp-1', 'system:kube-controller-manager', [], [], [], ['client']],
  ['scheduler@cp-1', 'system:kube-scheduler', [], [], [], ['client']],
  ['scheduler-serving@cp-1', 'kube-scheduler', [], ['localhost'], ['127.0.0.1', '::1'], ['server']],
  [
    'etcd-server@etcd-1',
    'etcd-1',
    [],
    ['etcd-1', 'localhost'],
    ['127.0.0.1', '::1', '10.0.0.21'],
    ['server', 'client'],
  ],
  ['etcd-peer@etcd-1', 'etcd-1', [], ['etcd-1', 'localhost'], ['127.0.0.1', '::1', '10.0.0.21'], ['server', 'client']],
  ['etcd-healthcheck-client', 'kube-etcd-healthcheck-client', [], [], [], ['client']],
  ['admin', 'kubernetes-admin', ['kubeadm:cluster-admins'], [], [], ['client']],
  ['super-admin', 'kubernetes-super-admin', ['system:masters'], [], [], ['client']],
  ['kubelet@worker-1', 'system:node:worker-1', ['system:nodes'], [], [], ['client']],
  ['kubelet-serving@worker-1', 'system:node:worker-1', ['system:nodes'], ['worker-1'], ['fd00::31'], ['server']],
  ['kube-proxy@worker-1', 'system:kube-proxy', [], [], [], ['client']],
  ['flannel@worker-1', 'kbin:flannel', [], [], [], ['client']],
])('%s is for %s', (name, commonName, organizations, dnsNames, ipAddresses, usages) => {
  expect(named(name)).toMatchObject({ commonName, organizations, dnsNames, ipAddresses, usages });
});

test('each certificate is signed by the authority of its domain', () => {
  const signedBy = (ca: string): string[] => [
    ...new Set(specsOf().flatMap((spec) => (spec.ca === ca ? [spec.name.replace(/@.*/, '')] : []))),
  ];
  expect(signedBy('etcd-ca')).toEqual(['apiserver-etcd-client', 'etcd-server', 'etcd-peer', 'etcd-healthcheck-client']);
  expect(signedBy('front-proxy-ca')).toEqual(['front-proxy-client']);
  // Certificates of kubelets are signed by it in the cluster, never here.
  expect(signedBy('kubelet-signer')).toEqual([]);
});

test('kubelets that ask for what they serve with get nothing of it from here', () => {
  const certificates = { ...inventory().certificates, kubeletServing: 'kubelet' as const };
  const names = specsOf({ certificates }).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith('kubelet-serving'))).toEqual([]);
  expect(names).toContain('kubelet@worker-1');
});

test('validity and algorithm come from the inventory', () => {
  const certificates = {
    ...inventory().certificates,
    algorithm: 'RSA-3072' as const,
    leafDays: 90,
    caDays: 1000,
  };
  for (const spec of specsOf({ certificates })) {
    expect(spec).toMatchObject({ algorithm: 'RSA-3072', days: spec.isAuthority ? 1000 : 90 });
  }
});

test('with an external etcd there are no etcd certificates, and without flannel none for it', () => {
  const external = { endpoints: ['https://e:2379'], caFile: '/a', certFile: '/b', keyFile: '/c' };
  const without = specsOf({ etcd: { ...inventory().etcd, external } }).map((spec) => spec.name);
  expect(without.filter((name) => name.includes('etcd'))).toEqual([]);
  const network = { ...inventory().network, cni: { name: 'none' as const } };
  expect(specsOf({ network }).filter((spec) => spec.name.startsWith('flannel'))).toEqual([]);
});

test('lifetimes of single rows go before that of all', () => {
  const certificates = { ...inventory().certificates, days: { admin: 30, kubelet: 7 } };
  const days = Object.fromEntries(specsOf({ certificates }).map((spec) => [spec.name, spec.days]));
  expect([days['admin'], days['kubelet@worker-1'], days['super-admin'], days['ca']]).toEqual([30, 7, 365, 3650]);
});

test('what the inventory adds comes last, for each of its hosts', () => {
  const extra = {
    ...{
      name: 'agent',
      ca: 'ca' as const,
      commonName: 'agent:{host}',
      organizations: ['agents'],
      usages: ['server' as const],
    },
    ...{
      names: ['Agent.example.com', '192.0.2.9'],
      rules: ['node-name' as const, 'node-address' as const],
      per: 'node' as const,
      days: 90,
    },
  };
  const certificates = {
    ...inventory().certificates,
    extra: [extra, { ...extra, name: 'one', per: 'cluster' as const, rules: [] }],
  };
  expect(specsOf({ certificates }).slice(-3)).toEqual([
    expect.objectContaining({ name: 'agent@cp-1', host: 'cp-1', commonName: 'agent:cp-1', organizations: ['agents'] }),
    {
      ...{ name: 'agent@worker-1', host: 'worker-1', ca: 'ca', isAuthority: false, algorithm: 'ECDSA-P256', days: 90 },
      ...{ commonName: 'agent:worker-1', organizations: ['agents'], usages: ['server'] },
      ...{ dnsNames: ['worker-1', 'agent.example.com'], ipAddresses: ['fd00::31', '192.0.2.9'] },
    },
    expect.objectContaining({ name: 'one', dnsNames: ['agent.example.com'], ipAddresses: ['192.0.2.9'] }),
  ]);
});

test('what an inventory can name is what the catalog has', () => {
  const leaves = rows.filter((row) => !row.isAuthority && !row.isKeyPair);
  expect([...LEAF_ROWS]).toEqual(leaves.map(({ name }) => name));
  const authorities = rows.filter((row) => row.isAuthority && row.ca === undefined);
  expect([...EXTRA_AUTHORITIES]).toEqual(authorities.map(({ name }) => name));
  expect([...EXTRA_PER].toSorted()).toEqual(Object.keys(SELECTORS).toSorted());
  expect([...EXTRA_RULES].toSorted()).toEqual(Object.keys(SAN_RULES).toSorted());
  expect([...RULES_OF_HOSTS].toSorted()).toEqual(HOST_RULES.toSorted());
  for (const { name } of rows) expect(RESERVED_NAMES).toContain(name);
});

const rowText = (fields: string): string =>
  `- { name: ca, per: cluster, authority: true, cn: x, days: ca }\n- { name: leaf, ${fields} }`;

test.each([
  [
    'per: cluster, ca: ca, cn: x, usages: [client], days: leaf, color: red',
    /row "leaf": unknown field "color"; there are name, per/,
  ],
  [
    'per: pod, ca: ca, cn: x, usages: [client], days: leaf',
    /unknown per "pod"; there are cluster, control-plane, etcd, node/,
  ],
  ['per: cluster, ca: cb, cn: x, usages: [client], days: leaf', /unknown ca "cb"; there are ca/],
  ['per: cluster, ca: leaf, cn: x, usages: [client], days: leaf', /unknown ca "leaf"/],
  ['per: cluster, cn: x, usages: [client], days: leaf', /ca is missing/],
  ['per: cluster, ca: ca, cn: x, usages: [clients], days: leaf', /unknown usages "clients"; there are server, client/],
  ['per: cluster, ca: ca, cn: x, days: leaf', /usages is missing/],
  [
    'per: node, ca: ca, cn: x, usages: [server], sans: [nodename], days: leaf',
    /unknown sans "nodename"; there are own-name, node-name/,
  ],
  ['per: node, ca: ca, cn: x, usages: [server], days: leaf', /a server certificate needs sans/],
  ['per: cluster, ca: ca, cn: x, usages: [client], sans: [node-name], days: leaf', /"node-name" needs a host/],
  ["per: cluster, ca: ca, cn: '{host}', usages: [client], days: leaf", /cn names {host}/],
  ['per: cluster, ca: ca, cn: x, usages: [client], days: week', /unknown days "week"; there are leaf, ca/],
  ['per: cluster, ca: ca, cn: x, usages: [client]', /days is missing/],
  [
    'per: cluster, ca: ca, cn: x, usages: [client], days: leaf, when: sunny',
    /unknown when "sunny"; there are managed-etcd, flannel/,
  ],
  ['per: cluster, ca: ca, cn: x, usages: client, days: leaf', /usages must be a list of text/],
  ['per: cluster, ca: ca, cn: x, authority: yes please, days: ca', /authority must be true or false/],
  ['per: node, authority: true, cn: x, days: ca', /an authority is per cluster/],
  ['per: cluster, key-pair: true, cn: x', /a key pair is per cluster and has neither/],
])('a catalog with "%s" is refused', (fields, message) => {
  expect(() => parseCatalog(rowText(fields))).toThrow(message);
});

test('a cycle of authorities is refused and shown', () => {
  const text = ['a', 'b', 'c']
    .map((name, index) => `- { name: ${name}, per: cluster, ca: ${'bca'[index]}, authority: true, cn: x, days: ca }`)
    .join('\n');
  expect(() => parseCatalog(text)).toThrow(/form a cycle: a -> b -> c -> a/);
});

test('a row that exists always cannot be signed by an authority that exists sometimes', () => {
  const text = catalogText.replace('days: leaf, when: managed-etcd }', 'days: leaf }');
  expect(() => parseCatalog(text)).toThrow(/"etcd-ca" exists only when managed-etcd/);
});

test('all faults of a catalog are told at once', () => {
  expect(() => parseCatalog('- { name: A B }\n- { name: a, per: x, ca: y, days: z }')).toThrow(
    /row "A B": per is missing[^]*row "a": unknown per[^]*unknown days[^]*unknown ca/,
  );
});

const roles = fc.subarray<Role>(['etcd', 'control-plane', 'worker'], { minLength: 1 });
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const hosts = fc
  .uniqueArray(fc.record({ address, roles }), { selector: (entry) => entry.address, minLength: 1, maxLength: 8 })
  .map((entries) => entries.map((entry, index) => host(`host-${index + 1}`, entry.address, entry.roles)));
const inventories = fc
  .record({
    hosts,
    endpoint: fc.oneof(fc.domain(), address),
    extra: fc.array(fc.oneof(fc.domain(), address, fc.constantFrom('localhost', '::1', 'KUBERNETES', 'host-1'))),
    isExternal: fc.boolean(),
  })
  .map(({ hosts: some, endpoint, extra, isExternal }) =>
    inventory({
      hosts: some,
      endpoint: { host: endpoint, port: 6443 },
      etcd: {
        ...inventory().etcd,
        ...(isExternal ? { external: { endpoints: [], caFile: '', certFile: '', keyFile: '' } } : {}),
      },
      certificates: { ...inventory().certificates, apiserverSans: extra },
    }),
  );

const NAMED_AFTER_HOST = /^(etcd-server|etcd-peer|kubelet-serving|apiserver)@/;

/** What is wrong with one of the specs of an inventory; empty when all is well. */
function wrongIn(some: Inventory, specs: readonly CertSpec[], spec: CertSpec): string[] {
  const names = specs.map(({ name }) => name);
  const sans = [...spec.dnsNames, ...spec.ipAddresses];
  const own = some.hosts.find((entry) => entry.name === spec.host);
  const others = spec.dnsNames.filter((san) => san.startsWith('host-') && san !== own?.name);
  const isOfHost = NAMED_AFTER_HOST.test(spec.name);
  const faults: Record<string, boolean> = {
    'is there twice': names.indexOf(spec.name) !== names.lastIndexOf(spec.name),
    'has a SAN twice': new Set(sans.map((san) => san.toLowerCase())).size < sans.length,
    'serves without SANs': spec.usages.includes('server') && sans.length === 0,
    'comes before its authority': spec.ca !== undefined && names.indexOf(spec.ca) >= names.indexOf(spec.name),
    'has no authority': spec.ca !== undefined && !names.includes(spec.ca),
    'names another host': !spec.name.startsWith('apiserver@') && others.length > 0,
    'does not name its host': isOfHost && !spec.dnsNames.includes(own?.name ?? ''),
    'lacks the address of its host': isOfHost && !spec.ipAddresses.includes(canonicalAddress(own?.address ?? '')),
  };
  return Object.keys(faults).flatMap((fault) => (faults[fault] === true ? [`${spec.name} ${fault}`] : []));
}

test('in any inventory names are unique, SANs are unique and those of the right host, and servers have some', () => {
  fc.assert(
    fc.property(inventories, (some) => {
      const { certificates } = certificateSpecs(some, rows);
      expect(certificates.flatMap((spec) => wrongIn(some, certificates, spec))).toEqual([]);
    }),
  );
});
