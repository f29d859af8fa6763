import type { Inventory } from '../model/inventory.ts';

/** What a host must have and must not have. REFERENCE 7; DESIGN section 5. */

export const GIBIBYTE = 1024 ** 3;

/** Beyond a POSIX shell. */
export const NEEDED_PROGRAMS: readonly string[] = ['tar', 'gzip', 'sha256sum', 'systemctl'];

/** Looked up on every host; what is needed depends on the inventory. */
export const KNOWN_PROGRAMS: readonly string[] = [...NEEDED_PROGRAMS, 'zstd', 'nft', 'iptables', 'ss', 'restorecon'];

export interface PortUse {
  port: number;
  unit: string;
}

/** Ports that kbin's units listen on in every cluster. */
export const PORTS: readonly PortUse[] = [
  { port: 2379, unit: 'etcd.service' },
  { port: 2380, unit: 'etcd.service' },
  { port: 2381, unit: 'etcd.service' },
  { port: 10257, unit: 'kube-controller-manager.service' },
  { port: 10259, unit: 'kube-scheduler.service' },
  { port: 10250, unit: 'kubelet.service' },
  { port: 10248, unit: 'kubelet.service' },
  { port: 10249, unit: 'kube-proxy.service' },
  { port: 10256, unit: 'kube-proxy.service' },
];

/** All ports, with those that the inventory chooses. The balancer tells at the port after its own that it lives. */
export const portsOf = ({ apiPort, balancerPort }: Pick<Inventory, 'apiPort' | 'balancerPort'>): PortUse[] => [
  ...PORTS,
  { port: apiPort, unit: 'kube-apiserver.service' },
  { port: balancerPort, unit: 'kbin-haproxy.service' },
  { port: balancerPort + 1, unit: 'kbin-haproxy.service' },
];

/** Paths that betray an earlier cluster on a host that kbin never wrote to. */
export const LEFTOVERS: readonly string[] = [
  '/var/lib/etcd/member',
  '/etc/kubernetes/admin.conf',
  '/etc/kubernetes/kubelet.conf',
  '/etc/kubernetes/manifests/kube-apiserver.yaml',
  '/var/lib/kubelet/kubeadm-flags.env',
  '/var/lib/kubelet/pki/kubelet-client-current.pem',
  '/var/lib/rancher/k3s',
  '/var/lib/k0s',
];
