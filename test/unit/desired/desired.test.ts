import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from '@jest/globals';
import { PHASE_TABLE } from '../../../src/catalog/phases.ts';
import { desired } from '../../../src/desired/desired.ts';
import { rendererOf } from '../../../src/desired/render.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { Resource, Unit } from '../../../src/model/resource.ts';
import { AUDIT_WEBHOOK } from '../../../src/model/security.ts';
import { certificateSpecs, parseCatalog } from '../../../src/pki/catalog.ts';
import { CASES, components, host, inventory } from './inventories.ts';
import { templates } from './templates.ts';

const HOSTS = Object.entries(CASES).flatMap(([name, one]) =>
  Object.entries(desired(one, templates).hosts).map(([hostName, resources]) => ({
    where: `${name}/${hostName}`,
    resources,
  })),
);

const unitsOf = (resources: readonly Resource[]): Unit[] =>
  resources.flatMap((resource) => (resource.kind === 'unit' ? [resource] : []));

const textsOf = (resources: readonly Resource[]): { path: string; text: string }[] =>
  resources.flatMap((resource) =>
    resource.kind === 'file' && 'text' in resource.body ? [{ path: resource.path, text: resource.body.text }] : [],
  );

const catalog = parseCatalog(readFileSync(join(import.meta.dirname, '../../../certs/catalog.yml'), 'utf8'));

/** Certificates that the catalog makes for an inventory, and names under which the operator's own files are stored. */
function certificatesFor(one: Inventory): string[] {
  const { certificates, keyPairs } = certificateSpecs(one, catalog);
  const external = one.etcd.external === undefined ? [] : ['external-etcd-ca', 'external-etcd-client'];
  const webhook = one.audit.webhook === undefined ? [] : [AUDIT_WEBHOOK];
  return [...certificates, ...keyPairs].map(({ name }) => name).concat(external, webhook);
}

/** Certificates that a resource is made of. */
function certificatesOf(resource: Resource): string[] {
  if (resource.kind === 'pair') return [resource.certificate];
  if (resource.kind !== 'file' || 'text' in resource.body) return [];
  return 'secret' in resource.body
    ? [resource.body.secret.certificate]
    : resource.body.concat.map(({ certificate }) => certificate);
}

/** Directories that every Linux with systemd has. */
const OS_DIRECTORIES = ['/etc', '/etc/systemd/system', '/etc/sysctl.d', '/etc/modules-load.d'];

describe.each(HOSTS)('$where', ({ where, resources }) => {
  const [caseName = '', hostName = ''] = where.split('/');
  const ids = resources.map(({ id }) => id);

  test('has every resource once', () => {
    expect([...new Set(ids)]).toEqual(ids);
    const paths = resources.flatMap((resource) => ('path' in resource ? [resource.path] : []));
    expect([...new Set(paths)]).toEqual(paths);
  });

  test('restarts units only on files, programs and pairs that it has', () => {
    for (const unit of unitsOf(resources)) {
      expect(unit.restartsOn).toContain(`file:/etc/systemd/system/${unit.name}`);
      for (const id of unit.restartsOn) {
        expect(ids).toContain(id);
        expect(['file', 'binary', 'pair']).toContain(id.slice(0, id.indexOf(':')));
      }
    }
  });

  test('names certificates that the catalog makes, and only its own', () => {
    // The keys for encryption at rest are no row of the catalog.
    const made = [...certificatesFor(CASES[caseName]!), 'encryption'];
    for (const certificate of resources.flatMap(certificatesOf)) {
      expect(made).toContain(certificate);
      expect(certificate.split('@')[1] ?? hostName).toBe(hostName);
    }
  });

  test('has every unit under the gate of its phase', () => {
    for (const unit of unitsOf(resources)) {
      expect(PHASE_TABLE.find(({ name }) => name === unit.phase)?.gate?.units).toContain(unit.name);
    }
  });

  test('has the directory of every file', () => {
    const directories = resources.flatMap((resource) => (resource.kind === 'directory' ? [resource.path] : []));
    for (const resource of resources) {
      if (resource.kind !== 'file' && resource.kind !== 'pair') continue;
      expect([...directories, ...OS_DIRECTORIES]).toContain(dirname(resource.path));
    }
  });

  test('has everything that its files name', () => {
    const paths = resources.flatMap((resource): string[] => {
      if (resource.kind === 'pair') return [`${resource.path}/tls.crt`, `${resource.path}/tls.key`];
      if (resource.kind === 'binary') return [resource.link];
      return 'path' in resource ? [resource.path] : [];
    });
    const ours =
      /(?<=[\s"'=])\/(etc\/(kubernetes|etcd|containerd|cni|kbin-haproxy)|opt\/(bin|cni)|usr\/local\/bin|usr\/sbin)\/[\w./-]+/g;
    for (const { path, text } of textsOf(resources)) {
      for (const [named] of text.matchAll(ours))
        expect({ path, named: paths.includes(named) ? '' : named }).toEqual({ path, named: '' });
    }
  });

  test('holds no secret as text', () => {
    for (const { text } of textsOf(resources)) expect(text).not.toMatch(/-----BEGIN|-data:/);
  });

  test('starts units that retry for ever, seconds apart', () => {
    for (const { path, text } of textsOf(resources).filter((file) => file.path.endsWith('.service'))) {
      expect({ path, text }).toEqual({
        path,
        text: expect.stringMatching(/^StartLimitIntervalSec=0$[^]*^Restart=always\nRestartSec=[1-9]/m),
      });
    }
  });
});

test('what only one component notices is restarted by that component only', () => {
  const restarts = Object.fromEntries(
    unitsOf(desired(inventory([host('a', '10.0.0.1')]), templates).hosts['a'] ?? []).map((unit) => [
      unit.name,
      unit.restartsOn.slice(1),
    ]),
  );
  // REFERENCE 1.2: serving pairs and client CAs are read again by everybody. Whom a program trusts as a client, and as whom
  // it speaks, is proved by a restart (decision 0007).
  expect(restarts).toEqual({
    'containerd.service': ['file:/etc/containerd/config.toml', 'binary:/usr/local/bin/containerd'],
    'etcd.service': ['binary:/usr/local/bin/etcd', 'file:/etc/etcd/pki/ca.crt'],
    'kube-apiserver.service': [
      'binary:/usr/local/bin/kube-apiserver',
      'file:/etc/kubernetes/pki/etcd-ca.crt',
      'file:/etc/kubernetes/pki/sa.key',
      'file:/etc/kubernetes/pki/sa.pub',
      'file:/etc/kubernetes/audit-policy.yaml',
      'file:/etc/kubernetes/authentication.yaml',
      'file:/etc/kubernetes/pki/encryption.yaml',
      'file:/etc/kubernetes/pki/ca.crt',
      'pair:/etc/kubernetes/pki/apiserver-kubelet-client',
    ],
    'kube-controller-manager.service': [
      'binary:/usr/local/bin/kube-controller-manager',
      'file:/etc/kubernetes/controller-manager.conf',
      'file:/etc/kubernetes/pki/ca.crt',
      'pair:/etc/kubernetes/pki/controller-manager',
      'file:/etc/kubernetes/pki/root-ca.crt',
      'file:/etc/kubernetes/pki/sa.key',
    ],
    'kube-scheduler.service': [
      'binary:/usr/local/bin/kube-scheduler',
      'file:/etc/kubernetes/scheduler.yaml',
      'file:/etc/kubernetes/scheduler.conf',
      'file:/etc/kubernetes/pki/ca.crt',
      'pair:/etc/kubernetes/pki/scheduler',
    ],
    'kbin-haproxy.service': ['file:/etc/kbin-haproxy/haproxy.cfg', 'file:/etc/kubernetes/pki/root-ca.crt'],
    'kubelet.service': [
      'binary:/usr/local/bin/kubelet',
      'file:/etc/kubernetes/kubelet.yaml',
      'file:/etc/kubernetes/kubelet.conf',
      'file:/etc/kubernetes/pki/ca.crt',
      'file:/etc/kubernetes/pki/sa-signer.pub',
    ],
    'kube-proxy.service': [
      'binary:/usr/local/bin/kube-proxy',
      'file:/etc/kubernetes/kube-proxy.yaml',
      'file:/etc/kubernetes/kube-proxy.conf',
      'file:/etc/kubernetes/pki/ca.crt',
      'pair:/etc/kubernetes/pki/kube-proxy',
    ],
    'flanneld.service': [
      'binary:/usr/local/bin/flanneld',
      'file:/etc/kubernetes/flannel/net-conf.json',
      'file:/etc/kubernetes/flannel.conf',
      'file:/etc/kubernetes/pki/ca.crt',
      'pair:/etc/kubernetes/pki/flannel',
    ],
  });
});

test('certificates that the inventory adds are pairs on the hosts that have their own, with their directories', () => {
  const rest = {
    ca: 'ca' as const,
    commonName: 'x',
    organizations: [],
    usages: ['client' as const],
    names: [],
    rules: [],
    days: 9,
  };
  const extra = (['cluster', 'control-plane', 'etcd', 'node'] as const).map((per) => ({
    name: `of-${per}`,
    per,
    ...rest,
  }));
  const hosts = [
    host('e', '10.0.0.1', { roles: ['etcd'] }),
    host('c', '10.0.0.2', { roles: ['control-plane'] }),
    host('w', '10.0.0.3', { roles: ['worker'] }),
  ];
  const own = inventory(hosts);
  const all = desired({ ...own, certificates: { ...own.certificates, extra } }, templates).hosts;
  const pairsOf = (name: string): string[] =>
    (all[name] ?? []).flatMap((one) =>
      one.kind === 'pair' && one.certificate.startsWith('of-') ? [`${one.path} ${one.certificate}`] : [],
    );
  expect(pairsOf('e')).toEqual(['/etc/kubernetes/pki/of-etcd of-etcd@e']);
  expect(pairsOf('c')).toEqual([
    '/etc/kubernetes/pki/of-control-plane of-control-plane@c',
    '/etc/kubernetes/pki/of-node of-node@c',
  ]);
  expect(pairsOf('w')).toEqual(['/etc/kubernetes/pki/of-node of-node@w']);
  expect(all['e']).toContainEqual(
    expect.objectContaining({ kind: 'directory', path: '/etc/kubernetes/pki', mode: '0700' }),
  );
});

test('no file that says whose client certificates are believed holds more than the authorities themselves', () => {
  for (const [name, some] of Object.entries(CASES)) {
    for (const resources of Object.values(desired(some, templates).hosts)) {
      for (const one of resources) {
        if (one.kind !== 'file' || !('concat' in one.body)) continue;
        const isForClients = one.path !== '/etc/kubernetes/pki/root-ca.crt';
        expect([name, one.path, one.body.concat.some(({ part }) => part === 'roots')]).toEqual([
          name,
          one.path,
          !isForClients,
        ]);
      }
    }
  }
});

test('etcd 3.5 gets the names that its experimental flags had', () => {
  const old = inventory([host('a', '10.0.0.1')]);
  old.versions.etcd = 'v3.5.24';
  const unit = (one: Inventory): string =>
    textsOf(desired(one, templates).hosts['a'] ?? []).find(({ path }) => path.endsWith('/etcd.service'))?.text ?? '';
  expect(unit(old)).toMatch(
    /--experimental-initial-corrupt-check=true[^]*--experimental-watch-progress-notify-interval=5s/,
  );
  expect(unit(old)).not.toMatch(/feature-gates| --watch-progress/);
  expect(unit(inventory([host('a', '10.0.0.1')]))).not.toContain('experimental');
});

test('containerd 2.0 gets the key that it knows', () => {
  const old = inventory([host('a', '10.0.0.1')]);
  old.versions.containerd = 'v2.0.6';
  const config = textsOf(desired(old, templates).hosts['a'] ?? []).find(({ path }) => path.endsWith('/config.toml'));
  expect(config?.text).toContain('bin_dir = "/opt/cni/bin"');
});

test('a further etcd member changes nothing that the others restart on', () => {
  const members = (count: number): Inventory =>
    inventory(
      Array.from({ length: count }, (_, index) => host(`m-${index + 1}`, `10.0.0.${index + 1}`, { roles: ['etcd'] })),
    );
  const inputs = (one: Inventory): Resource[] => {
    const resources = desired({ ...one, hosts: [...one.hosts, host('cp', '10.0.0.99')] }, templates).hosts['m-1'] ?? [];
    const etcd = unitsOf(resources).find((unit) => unit.name === 'etcd.service');
    return resources.filter((resource) => etcd?.restartsOn.includes(resource.id));
  };
  expect(inputs(members(3))).toEqual(inputs(members(2)));
});

test('only etcd is started without waiting', () => {
  const units = HOSTS.flatMap(({ resources }) => unitsOf(resources));
  expect(new Set(units.filter((unit) => unit.start === 'queued').map((unit) => unit.name))).toEqual(
    new Set(['etcd.service']),
  );
});

test('the order in which an inventory writes its overrides changes nothing', () => {
  const written = { kubelet: { config: { maxPods: 50, evictionHard: { a: '1', b: '2' } }, env: { A: '1', B: '2' } } };
  const turned = { kubelet: { config: { evictionHard: { b: '2', a: '1' }, maxPods: 50 }, env: { B: '2', A: '1' } } };
  const of = (changed: typeof written): unknown =>
    desired(inventory([host('a', '10.0.0.1', { components: components(changed) })]), templates);
  expect(JSON.stringify(of(turned))).toBe(JSON.stringify(of(written)));
});

test('swap stays on where the kubelet was told to live with it, and etcd hosts keep theirs', () => {
  const kernels = desired(CASES['stacked']!, templates).hosts['worker-1']?.filter(({ kind }) => kind === 'kernel');
  expect(kernels).toEqual([expect.objectContaining({ swapOff: false })]);
  expect(desired(CASES['dedicated']!, templates).hosts['etcd-1']?.filter(({ kind }) => kind === 'kernel')).toEqual([]);
});

describe('a template', () => {
  test('with a variable that nobody gives fails, and the message names the file', () => {
    const broken = { ...templates, 'etcd/etcd.service.hbs': 'ExecStart={{command}} {{missing}}' };
    expect(() => desired(CASES['single']!, broken)).toThrow(/units\/etcd\/etcd\.service\.hbs: .*missing/);
  });

  test('that is not there fails, and the message lists those that are', () => {
    expect(() => rendererOf({ 'a.hbs': '' })('b.hbs')).toThrow('no template "b.hbs"; there are a.hbs');
  });

  test('changes no character of a value', () => {
    expect(rendererOf({ 'a.hbs': '{{x}}' })('a.hbs', { x: `<&"'>=` })).toBe(`<&"'>=`);
  });
});
