import type { ApiObject } from '../model/resource.ts';

/** Where a namespaced object, or with no namespace a cluster-wide one, has its place in the API. */
export interface ObjectPlace {
  /** `v1` or `group/version`. */
  apiVersion: string;
  /** Plural, such as `clusterroles`. */
  resource: string;
  namespace?: string;
  /** Absent for the collection. */
  name?: string;
}

/** API path of an object or a collection. Source: Kubernetes API concepts, "Resource URIs". */
export function apiPath({ apiVersion, resource, namespace, name }: ObjectPlace): string {
  const root = apiVersion.includes('/') ? ['apis', ...apiVersion.split('/')] : ['api', apiVersion];
  const inNamespace = namespace === undefined ? [] : ['namespaces', namespace];
  const segments = [...root, ...inNamespace, resource, ...(name === undefined ? [] : [name])];
  return `/${segments.map(encodeURIComponent).join('/')}`;
}

export const objectPath = ({
  resource,
  object: { apiVersion, metadata },
}: Pick<ApiObject, 'resource' | 'object'>): string =>
  apiPath({
    apiVersion,
    resource,
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  });

/** How messages call an object: `Deployment kube-system/coredns`. */
export const objectTitle = ({ kind, metadata }: ApiObject['object']): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
