import type { Inventory, Json } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { ApiObject } from '../model/resource.ts';
import { apiObject } from './apiObject.ts';

/** Group of whoever comes with a bootstrap token of kbin. */
export const BOOTSTRAP_GROUP = 'system:bootstrappers:kbin:node';

const RBAC = 'rbac.authorization.k8s.io';

interface Binding {
  name: string;
  role: string;
  subject: { kind: 'User' | 'Group'; name: string } | { kind: 'ServiceAccount'; name: string; namespace: string };
}

/** Who has a ClusterRole everywhere. */
export function clusterRoleBinding(phase: PhaseName, { name, role, subject }: Binding): ApiObject {
  const who = subject.kind === 'ServiceAccount' ? subject : { apiGroup: RBAC, ...subject };
  const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: role };
  return apiObject(phase, { kind: 'ClusterRoleBinding', name }, { roleRef, subjects: [who] });
}

/** What a cluster cannot do without, and only system:masters can grant at first. REFERENCE 1.1, 9. */
const BINDINGS: readonly Binding[] = [
  // kubeadm's name, so that tools which know kubeadm find it.
  {
    name: 'kubeadm:cluster-admins',
    role: 'cluster-admin',
    subject: { kind: 'Group', name: 'kubeadm:cluster-admins' },
  },
  // Without it logs and exec are forbidden.
  {
    name: 'kbin:apiserver-to-kubelet',
    role: 'system:kubelet-api-admin',
    subject: { kind: 'User', name: 'kube-apiserver-kubelet-client' },
  },
  // The controller-manager approves what kubelets ask for when they renew.
  {
    name: 'kbin:kubelet-renewal',
    role: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    subject: { kind: 'Group', name: 'system:nodes' },
  },
  // With a bootstrap token a kubelet may ask for its first client certificate, and the controller-manager approves it.
  {
    name: 'kbin:node-bootstrapper',
    role: 'system:node-bootstrapper',
    subject: { kind: 'Group', name: BOOTSTRAP_GROUP },
  },
  {
    name: 'kbin:node-approval',
    role: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    subject: { kind: 'Group', name: BOOTSTRAP_GROUP },
  },
];

const FLANNEL = 'kbin:flannel';
const FLANNEL_BINDING: Binding = { name: FLANNEL, role: FLANNEL, subject: { kind: 'User', name: FLANNEL } };

/** flannel's own rules (kube-flannel.yml), without reading pods: NODE_NAME tells it the node. */
const FLANNEL_RULES: Json[] = [
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
];

/** Roles and bindings of the cluster's own programs and of the admin group. */
export function bootstrapObjects({ network }: Inventory): ApiObject[] {
  const hasFlannel = network.cni.name === 'flannel';
  return [
    ...BINDINGS.map((binding) => clusterRoleBinding('bootstrap', binding)),
    ...(hasFlannel ? [apiObject('bootstrap', { kind: 'ClusterRole', name: FLANNEL }, { rules: FLANNEL_RULES })] : []),
    ...(hasFlannel ? [clusterRoleBinding('bootstrap', FLANNEL_BINDING)] : []),
  ].map((object) => ({ ...object, bootstrap: true }));
}
