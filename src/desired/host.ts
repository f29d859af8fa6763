import { PLACES } from '../catalog/places.ts';
import { hasRole, isNode } from '../model/inventory.ts';
import type { Kernel, Resource, User } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { hostPair, PKI } from './pki.ts';
import { directory, rootsFile, trustFile, textFile } from './resources.ts';

/** Sysctls of every node. REFERENCE 7; the vm and kernel ones are what protectKernelDefaults of the kubelet asks for. */
const NODE_SYSCTLS: Readonly<Record<string, string>> = {
  'fs.inotify.max_user_instances': '8192',
  'fs.inotify.max_user_watches': '1048576',
  'kernel.keys.root_maxbytes': '25000000',
  'kernel.keys.root_maxkeys': '1000000',
  'kernel.panic': '10',
  'kernel.panic_on_oops': '1',
  'net.bridge.bridge-nf-call-ip6tables': '1',
  'net.bridge.bridge-nf-call-iptables': '1',
  'net.ipv4.ip_forward': '1',
  'vm.overcommit_memory': '1',
  'vm.panic_on_oom': '0',
};

function modulesOf({ inventory }: Context): string[] {
  const { proxyMode, cni } = inventory.network;
  return [
    'br_netfilter',
    'nf_conntrack',
    ...(proxyMode === 'nftables' ? ['nf_tables'] : []),
    'overlay',
    ...(cni.name === 'flannel' && cni.backend === 'vxlan' ? ['vxlan'] : []),
  ];
}

/** Kernel settings now (Kernel) and at every boot (files). */
function kernelResources(context: Context): Resource[] {
  const modules = modulesOf(context);
  const sysctls = Object.entries(NODE_SYSCTLS).map(([name, value]) => `${name} = ${value}`);
  const kernel: Kernel = {
    id: 'kernel:node',
    kind: 'kernel',
    phase: 'host',
    modules,
    sysctls: { ...NODE_SYSCTLS },
    // A kubelet that was told to live with swap keeps the host's swap.
    swapOff: overrideOf(context, 'kubelet').config['failSwapOn'] !== false,
  };
  return [
    textFile('host', '/etc/modules-load.d/kbin.conf', context.render('host/modules.conf.hbs', { modules })),
    textFile('host', '/etc/sysctl.d/90-kbin.conf', context.render('host/sysctl.conf.hbs', { sysctls })),
    kernel,
  ];
}

const pkiDirectories = (): Resource[] => [
  directory('host', PLACES.kubernetes, '0755'),
  directory('host', PLACES.pki, '0700'),
  directory('host', PLACES.pairs, '0700'),
];

/** What the inventory wants beside the certificates of components; one for the whole cluster stays in the store. */
const extraPairs = (context: Context): Resource[] =>
  context.inventory.certificates.extra
    .filter(({ per }) => (per === 'node' ? isNode(context.host) : per !== 'cluster' && hasRole(context.host, per)))
    .map(({ name }) => hostPair(context, 'host', name));

const nodeResources = (context: Context): Resource[] => [
  trustFile('host', PKI.ca, ['ca']),
  rootsFile('host', PKI.rootCa, 'ca'),
  ...kernelResources(context),
];

const etcdUser: User = { id: 'user:etcd', kind: 'user', phase: 'host', name: 'etcd', home: PLACES.etcdData };

/** What a host needs before any program of the cluster: directories, the cluster's CA, kernel settings, users. */
export function hostResources(context: Context): Resource[] {
  const { inventory, host } = context;
  const extra = extraPairs(context);
  const runsEtcd = hasRole(host, 'etcd') && inventory.etcd.external === undefined;
  return [
    directory('host', PLACES.versions, '0755'),
    ...(runsEtcd ? [etcdUser] : []),
    ...(isNode(host) || extra.length > 0 ? pkiDirectories() : []),
    ...(isNode(host) ? nodeResources(context) : []),
    ...extra,
  ];
}
