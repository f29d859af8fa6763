import type { ExtraCertificate } from '../model/inventory.ts';

/** Rows of certs/catalog.yml that sign others, each by itself: an inventory can have them sign more. */
export const EXTRA_AUTHORITIES = [
  'ca',
  'etcd-ca',
  'front-proxy-ca',
] as const satisfies readonly ExtraCertificate['ca'][];

/** Which hosts get one of their own; `cluster`: there is one, which stays with the operator. */
export const EXTRA_PER = [
  'cluster',
  'control-plane',
  'etcd',
  'node',
] as const satisfies readonly ExtraCertificate['per'][];

/** Rules for names as in certs/catalog.yml; the first two need a host. */
export const EXTRA_RULES = [
  'node-name',
  'node-address',
  'own-name',
  'loopback',
  'kubernetes-service-names',
  'api-service-address',
  'endpoint',
  'api-extra',
] as const satisfies readonly ExtraCertificate['rules'][number][];
export const RULES_OF_HOSTS: readonly string[] = EXTRA_RULES.slice(0, 2);

/** Rows of certs/catalog.yml that are certificates and sign nothing, in its order. */
export const LEAF_ROWS = [
  'apiserver',
  'apiserver-kubelet-client',
  'apiserver-etcd-client',
  'front-proxy-client',
  'controller-manager',
  'scheduler',
  'controller-manager-serving',
  'scheduler-serving',
  'etcd-server',
  'etcd-peer',
  'etcd-healthcheck-client',
  'admin',
  'super-admin',
  'kubelet',
  'kubelet-serving',
  'kube-proxy',
  'flannel',
] as const;

/** Names that something else has in the certificate store. */
export const RESERVED_NAMES: readonly string[] = [
  ...LEAF_ROWS,
  ...EXTRA_AUTHORITIES,
  ...['kubelet-signer', 'sa', 'encryption', 'audit-webhook', 'external-etcd-ca', 'external-etcd-client'],
];
