import { phaseNamed } from '../catalog/phases.ts';
import { hasRole, isNode, type Host } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Resource } from '../model/resource.ts';
import { apiserverResources } from './apiserver.ts';
import { containerdResources } from './containerd.ts';
import type { Context } from './context.ts';
import { controllerManagerResources } from './controllerManager.ts';
import { etcdResources } from './etcd.ts';
import { flannelResources } from './flannel.ts';
import { haproxyResources } from './haproxy.ts';
import { hostResources } from './host.ts';
import { kubeletResources } from './kubelet.ts';
import { kubeProxyResources } from './kubeProxy.ts';
import { schedulerResources } from './scheduler.ts';

export interface Component {
  name: string;
  /** Phase of all its resources; the phase's row says on which hosts. */
  phase: PhaseName;
  resources: (context: Context) => Resource[];
}

/** Everything that kbin puts on hosts. To add a program, add a row here, its file, and its templates. */
export const COMPONENT_TABLE: readonly Component[] = [
  { name: 'host', phase: 'host', resources: hostResources },
  { name: 'containerd', phase: 'runtime', resources: containerdResources },
  { name: 'etcd', phase: 'etcd', resources: etcdResources },
  { name: 'kube-apiserver', phase: 'apiserver', resources: apiserverResources },
  { name: 'kube-controller-manager', phase: 'controllers', resources: controllerManagerResources },
  { name: 'kube-scheduler', phase: 'controllers', resources: schedulerResources },
  { name: 'haproxy', phase: 'balancer', resources: haproxyResources },
  { name: 'kubelet', phase: 'node', resources: kubeletResources },
  { name: 'kube-proxy', phase: 'node', resources: kubeProxyResources },
  { name: 'flannel', phase: 'network', resources: flannelResources },
];

/** Whether a component runs on a host, by its phase. */
export function runsOn({ phase }: Component, host: Host): boolean {
  const { on } = phaseNamed(phase);
  switch (on) {
    case 'local':
    case 'api':
      return false;
    case 'host':
      return true;
    case 'node':
      return isNode(host);
    default:
      return hasRole(host, on);
  }
}
