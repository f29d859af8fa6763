import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { faultLine } from '../../../src/inventory/fault.ts';
import { inventoryIn } from '../../../src/inventory/parse.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { HEAD, HOSTS, VERSIONS } from './inventories.ts';

/** Files in Kubernetes' own formats that an inventory names: what is wrong in them, and what becomes of them. */

let ca = '';
let leaf = '';
let key = '';
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kbin-documents-'));
  const spec = { organizations: [], dnsNames: [], ipAddresses: [], usages: [], days: 10, algorithm: 'ECDSA-P256' };
  const specs = [
    { ...spec, name: 'ca', isAuthority: true, commonName: 'issuer' },
    { ...spec, name: 'leaf', ca: 'ca', isAuthority: false, commonName: 'issuer', usages: ['server'] },
  ] as unknown as CertSpec[];
  await openPkiStore(folder).issueAll(specs, Date.UTC(2026, 10, 20));
  [ca, leaf, key] = ['ca.crt', 'leaf.crt', 'ca.key'].map((file) => readFileSync(join(folder, file), 'utf8')) as [
    string,
    string,
    string,
  ];
  rmSync(folder, { recursive: true });
});

function parsedWith(section: string, files: Record<string, string>) {
  const text = `${HEAD}${VERSIONS}${section}\n${HOSTS}`;
  const readSecret = (path: string): { text: string } | { reason: string } => {
    const found = files[path.replace('/site/', '')];
    return found === undefined ? { reason: `the file ${path} is missing` } : { text: found };
  };
  return inventoryIn({ file: '/site/prod.yaml', text }, { environment: {}, folder: '/site', readSecret });
}

function faultsWith(section: string, files: Record<string, string>): string[] {
  const parsed = parsedWith(section, files);
  return 'faults' in parsed ? parsed.faults.map((fault) => faultLine('prod.yaml', fault)) : [];
}

function inventoryWith(section: string, files: Record<string, string>): Inventory {
  const parsed = parsedWith(section, files);
  if ('faults' in parsed) throw new Error(faultsWith(section, files).join('\n'));
  return parsed.inventory;
}

describe('an audit policy', () => {
  const AUDIT = 'audit: { policyFile: policy.yaml }';
  const faults = (policy: string): string[] =>
    faultsWith(AUDIT, { 'policy.yaml': policy }).map((line) => line.replace('prod.yaml:5:22 audit.policyFile: ', ''));
  const policy = (rules: string): string => `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n${rules}`;

  test('goes to the hosts as it is written', () => {
    const text = policy('  # All of it.\n  - level: Metadata\n');
    expect(inventoryWith(AUDIT, { 'policy.yaml': text }).audit).toMatchObject({ enabled: true, policy: text });
  });

  test('has every fault told, with its place in that file', () => {
    const rules = `  - level: Meta
    userGroup: ['system:nodes']
  - users: [5]
    omitStages: [Received]
  - level: None
    nonResourceURLs: [healthz, '/a*b', '/ok*', '*']
  - level: None
    nonResourceURLs: ['/x']
    resources: [{ group: rbac.authorization.k8s.io/v1 }]
  - level: Request
    resources: [{ group: '', resourceNames: [a] }]
`;
    expect(faults(policy(rules))).toEqual([
      'policy.yaml:4:12 rules[0].level: "Meta" is not a level. Write one of None, Metadata, Request or RequestResponse.',
      'policy.yaml:5:5 rules[0].userGroup: unknown key. Did you mean userGroups?',
      'policy.yaml:6:5 rules[1].level: missing. Write one of None, Metadata, Request or RequestResponse.',
      'policy.yaml:6:13 rules[1].users[0]: 5 is not one line of text. Put it in quotes: "5".',
      'policy.yaml:7:18 rules[1].omitStages[0]: "Received" is not a stage. Write one of RequestReceived, ResponseStarted, ResponseComplete or Panic.',
      'policy.yaml:9:23 rules[2].nonResourceURLs[0]: "healthz" is not a path. Begin it with a slash; * only at its end.',
      'policy.yaml:9:32 rules[2].nonResourceURLs[1]: "/a*b" is not a path. Begin it with a slash; * only at its end.',
      'policy.yaml:11:5 rules[3].nonResourceURLs: a rule is about resources or about paths. Write two rules.',
      'policy.yaml:12:26 rules[3].resources[0].group: "rbac.authorization.k8s.io/v1" is not an API group. Write it without a version, such as apps, or "" for the core group.',
      'policy.yaml:14:17 rules[4].resources[0].resources: missing. Names need a list of resources.',
    ]);
  });

  test.each([
    ['apiVersion: v1\nkind: Config\nrules: []\n', 'policy.yaml:1:13 apiVersion: "v1" is not audit.k8s.io/v1.'],
    ['', 'policy.yaml:1:1 it does not hold exactly one YAML document. Keep one.'],
    [`${policy('  - level: None\n')}---\na: 1\n`, 'policy.yaml:6:1 it does not hold exactly one YAML document.'],
    ['a: [\n', 'policy.yaml:2:1 YAML: '],
    [policy('  - &a { level: None }\n'), 'policy.yaml:4:5 YAML anchors and aliases are not supported. Write the value'],
    ['- a\n', 'policy.yaml:1:1 A list is not a mapping.'],
  ])('%j is none', (text, line) => {
    expect(faults(text === '' ? '# empty\n' : text)[0]).toContain(line);
  });
});

describe('an AuthenticationConfiguration', () => {
  const FILE = 'authentication: { configFile: auth.yaml }';
  const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n';
  const issuer = (url: string): string => `  - issuer: { url: "${url}", audiences: [a] }
    claimMappings: { username: { claim: sub, prefix: '' } }
`;

  test('without an anonymous part gets kbin’s, and its issuers stand before those of the inventory', () => {
    const both = `authentication:
  configFile: auth.yaml
  anonymous: off
  oidc:
    - issuerUrl: https://b.example.com
      caFile: ca.crt
      audiences: [x, y]
      claimMappings: { username: { expression: claims.sub } }`;
    const files = { 'auth.yaml': `${head}jwt:\n${issuer('https://a.example.com')}`, 'ca.crt': ca };
    expect(inventoryWith(both, files).authentication).toEqual({
      anonymous: { enabled: false },
      jwt: [
        {
          issuer: { url: 'https://a.example.com', audiences: ['a'] },
          claimMappings: { username: { claim: 'sub', prefix: '' } },
        },
        {
          issuer: {
            url: 'https://b.example.com',
            certificateAuthority: ca,
            audiences: ['x', 'y'],
            audienceMatchPolicy: 'MatchAny',
          },
          claimMappings: { username: { expression: 'claims.sub' } },
        },
      ],
    });
  });

  test('keeps its own anonymous part', () => {
    const anonymous = { enabled: true, conditions: [{ path: '/readyz' }] };
    const text = `${head}anonymous: ${JSON.stringify(anonymous)}\n`;
    expect(inventoryWith(FILE, { 'auth.yaml': text }).authentication).toEqual({ anonymous, jwt: [] });
  });

  test('has every fault told, with its place in that file', () => {
    const text = `${head}anonymous: { enabled: false, conditions: [{ path: /readyz }] }
jwt:
  - issuer: { url: "https://kubernetes.default.svc.cluster.local", audiences: [a, b], certificateAuthority: x }
    claimMappings: { username: { claim: sub } }
${issuer('https://c.example.com')}${issuer('https://c.example.com')}
`;
    const lines = faultsWith(FILE, { 'auth.yaml': text });
    expect(lines.map((line) => line.replace('prod.yaml:5:31 authentication.configFile: ', ''))).toEqual([
      'auth.yaml:3:30 anonymous.conditions: they go with enabled: true. Remove them.',
      'auth.yaml:5:5 jwt[0].issuer.audienceMatchPolicy: missing. With several audiences, write MatchAny.',
      'auth.yaml:5:20 jwt[0].issuer.url: it issues the cluster’s own ServiceAccount tokens. Remove it: they are accepted anyway.',
      'auth.yaml:5:109 jwt[0].issuer.certificateAuthority: it holds no certificate in PEM. Name the authority’s file.',
      'auth.yaml:6:22 jwt[0].claimMappings.username.prefix: missing. Write a prefix, such as "oidc:", or "" for none.',
      'auth.yaml:9:20 jwt[2].issuer.url: "https://c.example.com" stands here twice. Write it once.',
    ]);
  });

  test('cannot say what the inventory says too', () => {
    const section = `authentication:
  configFile: auth.yaml
  anonymous: health-paths
  oidc: [{ issuerUrl: "https://a.example.com", audiences: [a], claimMappings: { username: { expression: claims.sub } } }]`;
    const text = `${head}anonymous: { enabled: false }\njwt:\n${issuer('https://a.example.com')}`;
    expect(faultsWith(section, { 'auth.yaml': text })).toEqual([
      'prod.yaml:7:3 authentication.anonymous: configFile has its own anonymous. Keep one of them.',
      'prod.yaml:8:23 authentication.oidc[0].issuerUrl: it is in configFile as well. Keep one of them.',
    ]);
  });
});

test('the authorities of an issuer are certificates of authorities, and nothing else', () => {
  const section = `authentication:
  oidc: [{ issuerUrl: "https://a.example.com", caFile: ca.crt, audiences: [a], claimMappings: { username: { expression: claims.sub } } }]`;
  const faults = (text: string): string[] =>
    faultsWith(section, { 'ca.crt': text }).map((line) => line.replace(/^.*caFile: /, ''));
  expect(faults(`# two\n${ca}${ca}`)).toEqual([]);
  expect(faults(ca + key)).toEqual(['it holds a private key. Keep the certificates only.']);
  expect(faults(ca + leaf)).toEqual(['certificate 2 in it is no authority. Name the authority that signed it.']);
  expect(faults(ca.replace(/\n[^-]{20}/, '\nAAAA'))).toEqual([
    'certificate 1 in it cannot be parsed. Export it again, in PEM.',
  ]);
  expect(faults('nothing')).toEqual(['it holds no certificate in PEM. Name the authority’s file.']);
});

describe('the kubeconfig of an audit webhook', () => {
  const AUDIT = 'audit: { webhook: { configFile: secrets/hook.conf, mode: blocking, initialBackoffSeconds: 3 } }';
  const config = (cluster: object, user: object = { token: 't0p-secret' }): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  const faults = (text: string): string[] =>
    faultsWith(AUDIT, { 'secrets/hook.conf': text }).map((line) => line.replace(/^.*configFile: /, ''));

  test('stays out of the inventory, which has its path and all settings', () => {
    const files = { 'secrets/hook.conf': config({ server: 'https://audit.example.com' }) };
    const inventory = inventoryWith(AUDIT, files);
    expect(inventory.audit.webhook).toEqual({
      configFile: '/site/secrets/hook.conf',
      mode: 'blocking',
      initialBackoffSeconds: 3,
      batch: {
        bufferSize: 10000,
        maxSize: 400,
        maxWaitSeconds: 30,
        throttle: true,
        throttleQps: 10,
        throttleBurst: 15,
      },
    });
    expect(JSON.stringify(inventory)).not.toContain('t0p-secret');
  });

  test.each([
    ['token: t0p-secret: x\n', 'line 1 of that file is not the YAML of a kubeconfig.'],
    ['t0p-secret\n', 'that file is no kubeconfig: its kind is not Config.'],
    [config({}).replace('"x"}', '"t0p-secret"}'), 'its current-context is not one of its contexts.'],
    [config({ server: 't0p-secret' }), 'its current context has no cluster with the URL of a server.'],
    [
      config({ server: 'https://a', 'certificate-authority': 'ca.crt' }),
      'its certificate-authority is no absolute path.',
    ],
    [config({ server: 'https://a' }, { tokenFile: 't0p-secret' }), 'its tokenFile is no absolute path.'],
  ])('%s is refused without a word of it', (text, message) => {
    const [line = '', ...others] = faults(text);
    expect(line).toContain(message);
    expect(others).toEqual([]);
    expect(line).not.toContain('t0p-secret');
  });

  test('may name files on the control planes', () => {
    const user = { 'client-certificate': '/etc/hook/tls.crt', 'client-key': '/etc/hook/tls.key' };
    expect(faults(config({ server: 'https://a', 'certificate-authority': '/etc/hook/ca.crt' }, user))).toEqual([]);
  });
});

test('TLS 1.3 alone has no suites; what is chosen stays in its order', () => {
  expect(inventoryWith('tls: { minVersion: VersionTLS13 }', {}).tls).toEqual({
    minVersion: 'VersionTLS13',
    cipherSuites: [],
  });
  const chosen = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'];
  expect(inventoryWith(`tls: { cipherSuites: [${chosen.join(', ')}] }`, {}).tls).toEqual({
    minVersion: 'VersionTLS12',
    cipherSuites: chosen,
  });
});
