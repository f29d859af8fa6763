import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { desired } from '../../../src/desired/desired.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { host, inventory } from './inventories.ts';
import { templates } from './templates.ts';

const hosts = [
  host('cp-1', '10.0.0.1', { sshAddress: 'cp-1.example.com' }),
  host('w-1', '10.0.0.2', { roles: ['worker'] }),
];
const site = (kubeletServing: Inventory['certificates']['kubeletServing']): Record<string, Resource[]> =>
  desired(inventory(hosts, { certificates: { ...inventory([]).certificates, kubeletServing } }), templates).hosts;

const textOf = (resources: readonly Resource[] = [], path: string): string => {
  const file = resources.find((resource) => resource.kind === 'file' && resource.path === path);
  return file?.kind === 'file' && 'text' in file.body ? file.body.text : '';
};
const configOf = (resources: readonly Resource[] = []): Record<string, unknown> =>
  load(textOf(resources, '/etc/kubernetes/kubelet.yaml')) as Record<string, unknown>;
const authorityOf = (resources: readonly Resource[] = []): string | undefined =>
  /--kubelet-certificate-authority=(\S+)/.exec(textOf(resources, '/etc/systemd/system/kube-apiserver.service'))?.[1];
const idsOf = (resources: readonly Resource[] = []): string[] => resources.map(({ id }) => id);
const OWN = 'renewed:/var/lib/kubelet/pki/kubelet-server-current.pem';
const PAIR = 'pair:/etc/kubernetes/pki/kubelet-serving';
const BUNDLE = 'file:/etc/kubernetes/pki/kubelet-ca.crt';

test('kubelets that ask have no pair of kbin’s, and their API servers trust whoever signs for them', () => {
  const own = site('kubelet');
  expect(configOf(own['w-1'])).toMatchObject({ serverTLSBootstrap: true, rotateCertificates: true });
  expect(configOf(own['w-1'])).not.toHaveProperty('tlsCertFile');
  expect(idsOf(own['w-1'])).toContain(OWN);
  expect(idsOf(own['w-1'])).not.toContain(PAIR);
  expect(authorityOf(own['cp-1'])).toBe('/etc/kubernetes/pki/kubelet-ca.crt');
  expect(own['cp-1']).toContainEqual(
    expect.objectContaining({
      id: BUNDLE,
      body: { concat: ['ca', 'kubelet-signer'].map((certificate) => ({ certificate, part: 'trusted' })) },
    }),
  );
  expect(own['cp-1']).toContainEqual(
    expect.objectContaining({ id: 'unit:kube-apiserver.service', restartsOn: expect.arrayContaining([BUNDLE]) }),
  );
  expect(own['cp-1']).toContainEqual(
    expect.objectContaining({
      id: OWN,
      unit: 'kubelet.service',
      signers: ['kubelet-signer'],
      approved: { address: '10.0.0.1', allowed: ['cp-1', '10.0.0.1', 'cp-1.example.com'] },
    }),
  );
});

test('otherwise they serve with kbin’s pair, and the bundle is nowhere', () => {
  const own = site('kbin');
  expect(configOf(own['w-1'])).toMatchObject({
    tlsCertFile: '/etc/kubernetes/pki/kubelet-serving/tls.crt',
    tlsPrivateKeyFile: '/etc/kubernetes/pki/kubelet-serving/tls.key',
  });
  expect(configOf(own['w-1'])).not.toHaveProperty('serverTLSBootstrap');
  expect(idsOf(own['w-1'])).toContain(PAIR);
  expect(idsOf(own['w-1'])).not.toContain(OWN);
  expect(authorityOf(own['cp-1'])).toBe('/etc/kubernetes/pki/ca.crt');
  expect(idsOf(own['cp-1'])).not.toContain(BUNDLE);
});

test('API servers take bootstrap tokens, controller-managers remove those that have expired, and RBAC lets their holders in', () => {
  const inventoryOf = inventory(hosts);
  const { api, hosts: own } = desired(inventoryOf, templates);
  expect(textOf(own['cp-1'], '/etc/systemd/system/kube-apiserver.service')).toContain(
    '--enable-bootstrap-token-auth=true',
  );
  expect(textOf(own['cp-1'], '/etc/systemd/system/kube-controller-manager.service')).toContain(
    '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
  );
  const bound = api.flatMap(({ object }) => {
    const { roleRef, subjects } = object as unknown as { roleRef?: { name: string }; subjects?: { name: string }[] };
    return subjects?.[0]?.name === 'system:bootstrappers:kbin:node' ? [roleRef?.name] : [];
  });
  expect(bound).toEqual([
    'system:node-bootstrapper',
    'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
  ]);
});
