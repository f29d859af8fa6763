import { describe, expect, test } from '@jest/globals';
import { desired } from '../../../src/desired/desired.ts';
import type { ComponentName, Inventory, Override } from '../../../src/model/inventory.ts';
import { components, host, inventory } from './inventories.ts';
import { templates } from './templates.ts';

type Changed = Partial<Record<ComponentName, Partial<Override>>>;

const cluster = (changed: Changed): Inventory =>
  inventory([host('a', '10.0.0.1', { components: components(changed) })]);

function fileOf(changed: Changed, path: string): string {
  const resources = desired(cluster(changed), templates).hosts['a'] ?? [];
  const file = resources.find((resource) => resource.kind === 'file' && resource.path === path);
  if (file?.kind !== 'file' || !('text' in file.body)) throw new Error(`no text at ${path}`);
  return file.body.text;
}

const unitOf = (changed: Changed, name: string): string => fileOf(changed, `/etc/systemd/system/${name}.service`);

describe('args', () => {
  test('replace, remove and repeat flags of a program', () => {
    const args = { profiling: null, 'audit-log-maxage': '7', 'service-account-key-file': ['/a', '/b'], v: '3' };
    const unit = unitOf({ 'kube-apiserver': { args } }, 'kube-apiserver');
    expect(unit).not.toContain('--profiling');
    expect(unit).toContain('  --audit-log-maxage=7 \\\n');
    expect(unit).toContain('  --service-account-key-file=/a \\\n  --service-account-key-file=/b \\\n');
    expect(unit).toMatch(/ --v=3$/m);
  });

  test('with nasty characters reach the program as they are', () => {
    const unit = unitOf({ kubelet: { args: { x: `50% "$HOME" a\\b` } } }, 'kubelet');
    expect(unit).toContain(String.raw`"--x=50%% \"$$HOME\" a\\b"`);
  });

  test.each(['--profiling', 'a=b', 'a b', ''])('cannot be called %j', (name) => {
    expect(() => desired(cluster({ kubelet: { args: { [name]: 'x' } } }), templates)).toThrow(
      expect.objectContaining({ code: 'INVENTORY' }),
    );
  });

  test.each(['anonymous-auth', 'oidc-issuer-url', 'authentication-config'])(
    'with %s leave out the configuration file that excludes it',
    (name) => {
      const changed: Changed = { 'kube-apiserver': { args: { [name]: '/x' } } };
      expect(unitOf(changed, 'kube-apiserver')).not.toContain('/etc/kubernetes/authentication.yaml');
      expect(() => fileOf(changed, '/etc/kubernetes/authentication.yaml')).toThrow('no text');
    },
  );
});

describe('config', () => {
  test('of a program without a configuration file means flags, and args win', () => {
    const etcd = {
      config: { 'quota-backend-bytes': 1024, 'listen-metrics-urls': null, cors: ['a', 'b'] },
      args: { cors: 'c' },
    };
    const unit = unitOf({ etcd }, 'etcd');
    expect(unit).toContain('--quota-backend-bytes=1024 ');
    expect(unit).not.toContain('--listen-metrics-urls');
    expect(unit).toContain('--cors=c ');
  });

  test('of such a program cannot hold objects', () => {
    expect(() => desired(cluster({ etcd: { config: { a: { b: 1 } } } }), templates)).toThrow(
      /config\.a: a flag cannot hold/,
    );
  });

  test('is merged key by key; a list replaces, null removes', () => {
    const config = { authentication: { webhook: { cacheTTL: '1m' } }, tlsCipherSuites: ['X'], resolvConf: null };
    const text = fileOf({ kubelet: { config } }, '/etc/kubernetes/kubelet.yaml');
    expect(text).toContain('  webhook:\n    cacheTTL: 1m\n    enabled: true\n');
    expect(text).toContain('tlsCipherSuites:\n  - X\n');
    expect(text).not.toContain('resolvConf');
  });

  test('of haproxy changes its global and default sections only', () => {
    const path = '/etc/kbin-haproxy/haproxy.cfg';
    expect(fileOf({ haproxy: { config: { defaults: { option: ['tcplog'], retries: 5 } } } }, path)).toMatch(
      /^ {4}option tcplog\n {4}retries 5$/m,
    );
    for (const config of [
      { frontend: {} },
      { global: null },
      { global: 'x' },
      { defaults: { a: 'x\n    server evil' } },
    ]) {
      expect(() => fileOf({ haproxy: { config } }, path)).toThrow(expect.objectContaining({ code: 'INVENTORY' }));
    }
  });

  test('of CoreDNS is merged into the Deployment, beside the Corefile', () => {
    const config = { Corefile: '.:53 {\n}\n', spec: { replicas: 5 } };
    const objects = desired(cluster({ coredns: { config } }), templates).api.map(({ object }) => object);
    expect(objects.find(({ kind }) => kind === 'ConfigMap')).toMatchObject({ data: { Corefile: '.:53 {\n}\n' } });
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    expect(deployment).toMatchObject({ spec: { replicas: 5, selector: { matchLabels: { 'k8s-app': 'kube-dns' } } } });
    expect(deployment).not.toHaveProperty('Corefile');
  });
});

describe('env and resources', () => {
  test('stand last in the unit, so that they win', () => {
    const changed = { containerd: { env: { PATH: '/x' }, resources: { LimitNOFILE: '5', CPUQuota: '20%' } } };
    expect(unitOf(changed, 'containerd')).toMatch(
      /^Environment="PATH=\/x"\nCPUQuota=20%\nLimitNOFILE=5\n\n\[Install\]$/m,
    );
  });

  test('of CoreDNS are refused where a pod has nothing like them', () => {
    expect(() => desired(cluster({ coredns: { resources: { MemoryMax: '1G' } } }), templates)).toThrow(
      expect.objectContaining({ code: 'INVENTORY' }),
    );
  });
});
