/** What a host must have and must not have. REFERENCE 7; DESIGN section 5. */

export const GIBIBYTE = 1024 ** 3;

/** Beyond a POSIX shell. */
export const NEEDED_PROGRAMS: readonly string[] = ['tar', 'gzip', 'sha256sum', 'systemctl'];

/** Looked up on every host; what is needed depends on the inventory. */
export const KNOWN_PROGRAMS: readonly string[] = [...NEEDED_PROGRAMS, 'zstd', 'nft', 'iptables', 'ss', 'restorecon'];

/** Ports that kbin's units listen on. */
export const PORTS: readonly { port: number; unit: string }[] = [
  { port: 2379, unit: 'etcd.service' },
  { port: 2380, unit: 'etcd.service' },
  { port: 2381, unit: 'etcd.service' },
  { port: 6443, unit: 'kube-apiserver.service' },
  { port: 10257, unit: 'kube-controller-manager.service' },
  { port: 10259, unit: 'kube-scheduler.service' },
  { port: 10250, unit: 'kubelet.service' },
  { port: 10248, unit: 'kubelet.service' },
  { port: 10249, unit: 'kube-proxy.service' },
  { port: 10256, unit: 'kube-proxy.service' },
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
