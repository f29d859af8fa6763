import type { EncryptionGeneration } from '../model/encryption.ts';

/**
 * What a stored value begins with, before the name of its key and a colon; every other value is not encrypted.
 * Source: k8s.io/apiserver pkg/server/options/encryptionconfig/config.go.
 */
const HEADS = {
  secretbox: 'k8s:enc:secretbox:v1:',
  aesgcm: 'k8s:enc:aesgcm:v1:',
  kms: 'k8s:enc:kms:v2:',
} as const;
const ENCRYPTED = 'k8s:enc:';

/** Longest of them with a name of 63 letters, and more. */
export const HEAD_BYTES = 128;

/** What every value is under: `secretbox key-1`, `none`. */
export function keyOfValue(head: string): string {
  if (!head.startsWith(ENCRYPTED)) return 'none';
  const [, , provider = '', , key = ''] = head.split(':');
  return `${provider} ${key}`;
}

/** The same of what a generation writes. */
export const keyOfGeneration = ({ provider, key }: Pick<EncryptionGeneration, 'provider' | 'key'>): string =>
  provider === 'none' ? 'none' : keyOfValue(`${HEADS[provider]}${key}:`);

/** Resources that are not below their own name. Source: kubernetes pkg/kubeapiserver/default_storage_factory_builder.go. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  endpoints: 'services/endpoints',
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  services: 'services/specs',
  'ingresses.networking.k8s.io': 'ingress',
};

/** Groups whose servers put the group before the resource. Source: kubernetes test/integration/etcd/data.go. */
const WITH_GROUP: readonly string[] = ['apiextensions.k8s.io', 'apiregistration.k8s.io'];

export interface GroupResource {
  /** Empty for the core group. */
  group: string;
  resource: string;
}

/** `deployments.apps` in its parts. */
export function groupResource(name: string): GroupResource {
  const dot = name.indexOf('.');
  return dot < 0 ? { group: '', resource: name } : { group: name.slice(dot + 1), resource: name.slice(0, dot) };
}

/** Where the objects of a resource are below the API servers' prefix in etcd. `isCustom`: a CustomResourceDefinition makes it. */
export function storedBelow(name: string, isCustom: boolean): string {
  const { group, resource } = groupResource(name);
  if (isCustom || WITH_GROUP.includes(group)) return `${group}/${resource}`;
  return ELSEWHERE[name] ?? resource;
}
