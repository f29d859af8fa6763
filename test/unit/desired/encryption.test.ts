import { expect, test } from '@jest/globals';
import { desired } from '../../../src/desired/desired.ts';
import type { Encryption } from '../../../src/model/encryption.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { firstEncryption, isEncryptionKept } from '../../../src/plan/encryption.ts';
import { components, host, inventory } from './inventories.ts';
import { templates } from './templates.ts';

const PATH = '/etc/kubernetes/pki/encryption.yaml';
const planes = [host('cp-1', '10.0.0.1'), host('w-1', '10.0.0.2', { roles: ['worker'] })];
const of = (encryption: Encryption): Inventory => inventory(planes, { encryption });
const secretbox: Encryption = { provider: 'secretbox', resources: ['secrets'] };

const resourcesOf = (one: Inventory, name = 'cp-1'): Resource[] => desired(one, templates).hosts[name] ?? [];
const find = (one: Inventory, id: string, name?: string): Resource | undefined =>
  resourcesOf(one, name).find((resource) => resource.id === id);

test('control planes get the file for root only, by reference, and the apiserver restarts on it', () => {
  expect(find(of(secretbox), `file:${PATH}`)).toMatchObject({
    mode: '0600',
    owner: 'root:root',
    body: { secret: { certificate: 'encryption', part: 'key' } },
  });
  expect(find(of(secretbox), `file:${PATH}`, 'w-1')).toBeUndefined();
  expect(find(of(secretbox), 'unit:kube-apiserver.service')).toMatchObject({
    restartsOn: expect.arrayContaining([`file:${PATH}`]),
  });
});

test('what is desired does not depend on the provider, but for the socket of a KMS', () => {
  const kms = { name: 'vault', endpoint: 'unix:///run/kms/vault.sock', timeoutSeconds: 3 };
  const plain = resourcesOf(of(secretbox));
  expect(resourcesOf(of({ ...secretbox, provider: 'none' }))).toEqual(plain);
  const more = resourcesOf(of({ ...secretbox, provider: 'kms', kms })).filter(
    ({ id }) => !plain.some((resource) => resource.id === id),
  );
  expect(more).toEqual([expect.objectContaining({ kind: 'host-program', path: '/run/kms/vault.sock' })]);
});

test.each(['args', 'config'] as const)(
  'an inventory that sets the flag in %s gets no file, and no key is made',
  (part) => {
    const override = { [part]: { 'encryption-provider-config': '/etc/own.yaml' } };
    const own = inventory([host('cp-1', '10.0.0.1', { components: components({ 'kube-apiserver': override }) })]);
    const wanted = desired(own, templates);
    expect(find(own, `file:${PATH}`)).toBeUndefined();
    expect(isEncryptionKept(wanted)).toBe(false);
    const local = { clusterId: null, certificates: {}, cache: [] };
    const facts = { observedAt: 0, local, hosts: {}, unreachable: {}, api: null };
    expect(firstEncryption({ inventory: own, desired: wanted, facts })).toBeUndefined();
    expect(firstEncryption({ inventory: of(secretbox), desired: desired(of(secretbox), templates), facts })).toEqual(
      secretbox,
    );
  },
);
