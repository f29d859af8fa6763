import type { Json } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { ApiObject } from '../model/resource.ts';

/** Plural path segments of the kinds that kbin applies. */
const RESOURCES = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  ConfigMap: 'configmaps',
  Deployment: 'deployments',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
} as const;

type Kind = keyof typeof RESOURCES;

const API_VERSIONS: Partial<Record<Kind, string>> = {
  ClusterRole: 'rbac.authorization.k8s.io/v1',
  ClusterRoleBinding: 'rbac.authorization.k8s.io/v1',
  Deployment: 'apps/v1',
};

export interface Identity {
  kind: Kind;
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
}

/** An object of the API with everything beside its type and metadata in `content`. */
export function apiObject(phase: PhaseName, { kind, ...metadata }: Identity, content: Record<string, Json>): ApiObject {
  const resource = RESOURCES[kind];
  const path = [resource, metadata.namespace, metadata.name].filter((part) => part !== undefined).join('/');
  return {
    id: `object:${path}`,
    phase,
    resource,
    object: { apiVersion: API_VERSIONS[kind] ?? 'v1', kind, metadata, ...content },
  };
}
