/** Where things live on a node. DESIGN section 5. */
export const PLACES = {
  kbin: '/var/lib/kbin',
  owned: '/var/lib/kbin/owned.json',
  staging: '/var/lib/kbin/staging',
  started: '/var/lib/kbin/started',
  verified: '/var/lib/kbin/verified',
  lock: '/var/lib/kbin/lock',
  fence: '/var/lib/kbin/fence',
  previous: '/var/lib/kbin/previous',
  /** Id of the restore of etcd that is under way. */
  restoring: '/var/lib/kbin/restoring',
  versions: '/opt/kbin',
  units: '/etc/systemd/system',
  kubernetes: '/etc/kubernetes',
  pki: '/etc/kubernetes/pki',
  /** How kube-apiservers encrypt what they store, with the keys. */
  encryption: '/etc/kubernetes/pki/encryption.yaml',
  /** Content-named directories behind the links of certificate pairs. */
  pairs: '/etc/kubernetes/pki/.pairs',
  /** Uploaded image archives until they are imported. */
  objects: '/var/lib/kbin/staging/objects',
  etcdConfig: '/etc/etcd',
  etcdPki: '/etc/etcd/pki',
  etcdPairs: '/etc/etcd/pki/.pairs',
  etcdData: '/var/lib/etcd',
  kubelet: '/var/lib/kubelet',
  kubeProxy: '/var/lib/kube-proxy',
  containerdConfig: '/etc/containerd',
  cniBin: '/opt/cni/bin',
  cniConfig: '/etc/cni/net.d',
  haproxyConfig: '/etc/kbin-haproxy',
} as const;
