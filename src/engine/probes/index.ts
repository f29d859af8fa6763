import { hostsWith, type Inventory } from '../../model/inventory.ts';
import type { ProbeName } from '../../model/phase.ts';
import { apiserver } from './apiserver.ts';
import { authorityDistrusted, authorityTrusted } from './authority.ts';
import { balancer } from './balancer.ts';
import { cluster } from './cluster.ts';
import { containerd } from './containerd.ts';
import { encrypted } from './encrypted.ts';
import { etcd } from './etcd.ts';
import { kubelet } from './kubelet.ts';
import { leases } from './leases.ts';
import { nodesReady } from './nodesReady.ts';
import { nodesRegistered } from './nodesRegistered.ts';
import type { Probe } from './probe.ts';
import { published } from './published.ts';
import { rollouts } from './rollouts.ts';
import { rootCa } from './rootCa.ts';
import { tokens } from './tokens.ts';

export interface ProbeRow {
  /** Opens the message of a gate that failed: `etcd on cp-2: no leader`. */
  subject: string;
  ask: Probe;
  /** Satisfied polls in a row that are believed: what crash-loops is up now and then. */
  inARow: number;
  /** Of how many a quorum is the majority; default: the hosts asked. */
  members?: (inventory: Inventory) => number;
  /** What to do when it fails, unless the answer itself tells. */
  hint: string;
}

const AGAIN = 'then run the same command again';

/** The truth of each component in its own words (REFERENCE 3). */
export const PROBE_TABLE: Readonly<Record<ProbeName, ProbeRow>> = {
  containerd: {
    subject: 'containerd',
    ask: containerd,
    inARow: 2,
    hint: `Read the journal of containerd.service below, correct what it names, ${AGAIN}.`,
  },
  etcd: {
    subject: 'etcd',
    ask: etcd,
    inARow: 2,
    members: (inventory) => hostsWith(inventory, 'etcd').length,
    hint: `See that the etcd hosts reach each other on 2379 and 2380 and that their clocks agree, ${AGAIN}.`,
  },
  apiserver: {
    subject: 'kube-apiserver',
    ask: apiserver,
    inARow: 3,
    hint: `Read the journal of kube-apiserver.service below; a failing etcd check means 2379 is not reached, ${AGAIN}.`,
  },
  leases: {
    subject: 'kube-controller-manager and kube-scheduler',
    ask: leases,
    inARow: 2,
    hint: `Read the journals below: without RBAC or with a wrong CA they cannot write their Lease. Correct it, ${AGAIN}.`,
  },
  balancer: {
    subject: 'the API balancer',
    ask: balancer,
    inARow: 2,
    hint: `See that the node reaches every control plane on the API port, ${AGAIN}.`,
  },
  kubelet: {
    subject: 'kubelet',
    ask: kubelet,
    inARow: 2,
    hint: `Read the journal of kubelet.service below, correct what it names, ${AGAIN}.`,
  },
  'nodes-registered': {
    subject: 'kubelet and kube-proxy',
    ask: nodesRegistered,
    inARow: 2,
    hint: `Read the journals below; without its Node look at the kubelet's certificate and its way to the API, ${AGAIN}.`,
  },
  'nodes-ready': {
    subject: 'Node',
    ask: nodesReady,
    inARow: 2,
    hint: `A Node without its network is never Ready: read the journals of flanneld and kubelet below, ${AGAIN}.`,
  },
  'authority-trusted': {
    subject: 'trust in the new authority',
    ask: authorityTrusted,
    inARow: 2,
    hint: `Read the journals below: what reads its authorities only at its start must have been restarted, ${AGAIN}.`,
  },
  'authority-distrusted': {
    subject: 'the end of trust in the old authority',
    ask: authorityDistrusted,
    inARow: 2,
    hint: `Read the journals below: what reads its authorities only at its start must have been restarted, ${AGAIN}.`,
  },
  'root-ca': {
    subject: 'kube-root-ca.crt',
    ask: rootCa,
    inARow: 1,
    hint: `kube-controller-manager publishes it and the kubelets bring it into the pods: read their journals, ${AGAIN}.`,
  },
  'published-authorities': {
    subject: 'ConfigMap extension-apiserver-authentication',
    ask: published,
    inARow: 2,
    hint: `A kube-apiserver that still reads the old bundle puts it back: read their journals below, ${AGAIN}.`,
  },
  rollouts: {
    subject: 'the roll-out of pods',
    ask: rollouts,
    inARow: 1,
    hint: `See why the new pods do not become available: kubectl get pods -A, ${AGAIN}.`,
  },
  encrypted: {
    subject: 'the encryption of what etcd holds',
    ask: encrypted,
    inARow: 1,
    hint: `See why these objects could not be written again: an admission webhook may refuse them, ${AGAIN}.`,
  },
  tokens: {
    subject: 'tokens of pods',
    ask: tokens,
    inARow: 1,
    hint: `Kubelets ask for new tokens when these near their end; restarting a kubelet makes it ask at once, ${AGAIN}.`,
  },
  // Its pods repeat their checks themselves; proving twice would double the time and prove nothing more.
  cluster: {
    subject: 'the proof with pods',
    ask: cluster,
    inARow: 1,
    hint: `Pods, DNS or Services do not work on these nodes: look for a firewall between them (8472/udp with vxlan), ${AGAIN}.`,
  },
};
