import type { Phase, PhaseName } from '../model/phase.ts';

/** The order of everything. A row is a phase; `after` is what must have passed its gate. */
export const PHASE_TABLE: readonly Phase[] = [
  { name: 'certificates', on: 'local', after: [], width: 'all' },
  { name: 'host', on: 'host', after: ['certificates'], width: 'all' },
  {
    name: 'etcd',
    on: 'etcd',
    after: ['host'],
    width: 1,
    vital: ['etcd-server', 'etcd-peer'],
    gate: { probe: 'etcd', need: 'all', withinSeconds: 90, units: ['etcd.service'] },
    // No member is touched unless the others are a quorum without it.
    before: { probe: 'etcd', need: 'quorum', withinSeconds: 30, units: ['etcd.service'] },
  },
  {
    name: 'apiserver',
    on: 'control-plane',
    after: ['etcd'],
    width: 1,
    vital: ['apiserver', 'apiserver-etcd-client'],
    gate: { probe: 'apiserver', need: 'all', withinSeconds: 120, units: ['kube-apiserver.service'] },
  },
  {
    name: 'controllers',
    on: 'control-plane',
    after: ['apiserver'],
    width: 1,
    vital: ['controller-manager', 'scheduler'],
    gate: {
      probe: 'leases',
      need: 'all',
      withinSeconds: 90,
      units: ['kube-controller-manager.service', 'kube-scheduler.service'],
    },
  },
  // Everything above is the way to an API; binaries are sent in this order, and what an API does not need can wait.
  {
    name: 'runtime',
    on: 'node',
    after: ['host'],
    width: 10,
    gate: { probe: 'containerd', need: 'all', withinSeconds: 60, units: ['containerd.service'] },
  },
  { name: 'bootstrap', on: 'api', after: ['apiserver'], width: 'all' },
  {
    name: 'balancer',
    on: 'node',
    after: ['apiserver'],
    width: 10,
    gate: { probe: 'balancer', need: 'all', withinSeconds: 60, units: ['kbin-haproxy.service'] },
  },
  {
    name: 'node',
    on: 'node',
    after: ['runtime', 'balancer', 'bootstrap'],
    width: 10,
    vital: ['kubelet', 'kubelet-serving', 'kube-proxy'],
    gate: {
      probe: 'nodes-registered',
      need: 'all',
      withinSeconds: 120,
      units: ['kubelet.service', 'kube-proxy.service'],
    },
  },
  {
    name: 'network',
    on: 'node',
    after: ['node', 'controllers'],
    width: 10,
    vital: ['flannel'],
    gate: {
      probe: 'nodes-ready',
      need: 'all',
      withinSeconds: 180,
      units: ['flanneld.service', 'kubelet.service', 'containerd.service'],
    },
  },
  {
    name: 'addons',
    on: 'api',
    after: ['network'],
    width: 'all',
    gate: { probe: 'cluster', need: 'all', withinSeconds: 240, units: ['kubelet.service', 'kube-proxy.service'] },
  },
  // What is no longer wanted goes last, when everything that replaced it has been seen to work.
  { name: 'cleanup', on: 'host', after: ['addons', 'controllers', 'etcd'], width: 'all' },
];

export const phaseNamed = (name: PhaseName): Phase => {
  const phase = PHASE_TABLE.find((row) => row.name === name);
  if (phase === undefined)
    throw new Error(`no phase "${name}"; there are ${PHASE_TABLE.map((row) => row.name).join(', ')}`);
  return phase;
};
