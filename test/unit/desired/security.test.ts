import { describe, expect, test } from '@jest/globals';
import { desired } from '../../../src/desired/desired.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { CASES, components, host, inventory } from './inventories.ts';
import { templates } from './templates.ts';

const resourcesOf = (changed: Partial<Inventory>, hosts = [host('a', '10.0.0.1')]): Resource[] =>
  desired(inventory(hosts, changed), templates).hosts['a'] ?? [];

function textOf(resources: readonly Resource[], path: string): string {
  const file = resources.find((resource) => resource.kind === 'file' && resource.path === path);
  if (file?.kind !== 'file' || !('text' in file.body)) throw new Error(`no text at ${path}`);
  return file.body.text;
}

const unitOf = (changed: Partial<Inventory>, name = 'kube-apiserver'): string =>
  textOf(resourcesOf(changed), `/etc/systemd/system/${name}.service`);

const { audit } = inventory([]);
const webhook = CASES['hardened']!.audit.webhook!;
const idsOf = (resources: readonly Resource[]): string[] => resources.map(({ id }) => id);

describe('auditing', () => {
  test('that is off leaves neither files nor flags', () => {
    const off = { audit: { ...audit, enabled: false, webhook } };
    expect(unitOf(off)).not.toContain('audit');
    expect(idsOf(resourcesOf(off)).filter((id) => /audit|var\/log/.test(id))).toEqual([]);
  });

  test('makes no folder that could be somebody else’s', () => {
    const ids = idsOf(resourcesOf({ audit: { ...audit, log: { ...audit.log, path: '/var/log/audit.log' } } }));
    expect(ids.filter((id) => id.startsWith('directory:/var/log'))).toEqual([]);
    expect(idsOf(resourcesOf({}))).toContain('directory:/var/log/kubernetes');
  });

  test('sends the webhook’s kubeconfig by reference, and restarts the API server on it', () => {
    const resources = resourcesOf({ audit: { ...audit, webhook } });
    const file = resources.find(({ id }) => id === 'file:/etc/kubernetes/audit-webhook.conf');
    expect(file).toMatchObject({ mode: '0600', body: { secret: { certificate: 'audit-webhook', part: 'key' } } });
    const unit = resources.find(({ id }) => id === 'unit:kube-apiserver.service');
    expect(unit).toMatchObject({
      restartsOn: expect.arrayContaining([file?.id, 'file:/etc/kubernetes/audit-policy.yaml']),
    });
  });

  test('that blocks sends no batches', () => {
    const unit = unitOf({ audit: { ...audit, webhook: { ...webhook, mode: 'blocking' } } });
    expect(unit).toContain('--audit-webhook-mode=blocking ');
    expect(unit).not.toContain('-batch-');
  });

  test('without a throttle names no rates', () => {
    const batch = { ...webhook.batch, throttle: false };
    const unit = unitOf({ audit: { ...audit, webhook: { ...webhook, batch } } });
    expect(unit).toContain('--audit-webhook-batch-throttle-enable=false');
    expect(unit).not.toContain('throttle-qps');
  });
});

describe('TLS', () => {
  const SUITES = ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'];
  const SERVERS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

  test.each(SERVERS)('suites reach %s', (name) => {
    const unit = unitOf({ tls: { minVersion: 'VersionTLS12', cipherSuites: SUITES } }, name);
    expect(unit).toMatch(new RegExp(`cipher-suites=${SUITES.join(',')}\\b`));
    expect(unit).toContain(name === 'etcd' ? '--tls-min-version=TLS1.2' : '--tls-min-version=VersionTLS12');
  });

  test.each(SERVERS)('1.3 alone reaches %s, without suites', (name) => {
    const unit = unitOf({ tls: { minVersion: 'VersionTLS13', cipherSuites: [] } }, name);
    expect(unit).toContain(name === 'etcd' ? '--tls-min-version=TLS1.3' : '--tls-min-version=VersionTLS13');
    expect(unit).not.toContain('cipher-suites');
  });

  test('reaches the kubelet', () => {
    const path = '/etc/kubernetes/kubelet.yaml';
    const chosen = textOf(resourcesOf({ tls: { minVersion: 'VersionTLS12', cipherSuites: SUITES } }), path);
    expect(chosen).toContain(`tlsCipherSuites:\n  - ${SUITES.join('\n  - ')}\n`);
    const newest = textOf(resourcesOf({ tls: { minVersion: 'VersionTLS13', cipherSuites: [] } }), path);
    expect(newest).toContain('tlsMinVersion: VersionTLS13\n');
    expect(newest).not.toContain('tlsCipherSuites');
  });
});

describe('the balancer', () => {
  const expected = (changed: Partial<Inventory>, hosts = [host('a', '10.0.0.1')]): string =>
    /http-check expect (.*)/.exec(textOf(resourcesOf(changed, hosts), '/etc/kbin-haproxy/haproxy.cfg'))?.[1] ?? '';
  const anonymous = (value: Inventory['authentication']['anonymous']): Partial<Inventory> => ({
    authentication: { anonymous: value, jwt: [] },
  });

  test('waits for a ready API server while everybody may ask it', () => {
    expect(expected({})).toBe('status 200');
    expect(expected(anonymous({ enabled: true }))).toBe('status 200');
  });

  test.each([{ enabled: false }, { enabled: true, conditions: [{ path: '/livez' }] }])(
    'takes 401 for an answer with %j',
    (value) => {
      expect(expected(anonymous(value))).toBe('status 200,401');
    },
  );

  test('also where one control plane has it from its own flags', () => {
    const changed = components({ 'kube-apiserver': { args: { 'anonymous-auth': 'false' } } });
    const hosts = [host('a', '10.0.0.1'), host('b', '10.0.0.2', { components: changed })];
    expect(expected({}, hosts)).toBe('status 200,401');
    const open = components({ 'kube-apiserver': { config: { 'anonymous-auth': true } } });
    expect(expected(anonymous({ enabled: false }), [host('a', '10.0.0.1', { components: open })])).toBe('status 200');
  });
});

test('issuers stand in the file that restarts the API server', () => {
  const jwt = [{ issuer: { url: 'https://i.example.com', certificateAuthority: '-----BEGIN CERTIFICATE-----\nx\n' } }];
  const resources = resourcesOf({ authentication: { anonymous: { enabled: false }, jwt } });
  expect(textOf(resources, '/etc/kubernetes/authentication.yaml')).toContain(
    'jwt:\n  - issuer:\n      certificateAuthority: |\n        -----BEGIN CERTIFICATE-----\n',
  );
  expect(resources.find(({ id }) => id === 'unit:kube-apiserver.service')).toMatchObject({
    restartsOn: expect.arrayContaining(['file:/etc/kubernetes/authentication.yaml']),
  });
});
