# Configuration files and certificates of one machine, as a folder to unpack at its root. Sourced by by-hand.
# shellcheck shell=bash disable=SC2154,SC2034

readonly cluster_cidr=10.244.0.0/16 service_cidr=10.96.0.0/16 balancer=https://127.0.0.1:6444

# set_address_of NAME sets REPLY.
set_address_of() {
  local index
  for index in "${!names[@]}"; do
    [[ ${names[index]} != "$1" ]] || REPLY=${addresses[index]}
  done
}

# members FORMAT: printf's format for each machine's name and address, joined by commas.
members() {
  local index list=()
  for index in "${!names[@]}"; do
    # shellcheck disable=SC2059 # the format is the argument
    list+=("$(printf "$1" "${names[index]}" "${addresses[index]}")")
  done
  (IFS=, && printf '%s' "${list[*]}")
}

# make_files NAME
make_files() {
  local name=$1 root=$work/files/$1 pki=/etc/kubernetes/pki address
  set_address_of "$name" && address=$REPLY
  mkdir -p "$root"/etc/{kubernetes/pki,kubernetes/flannel,etcd/pki,containerd,cni/net.d,haproxy-api,modules-load.d,sysctl.d,systemd/system}
  # Only directories that the machine has and others read: their modes would be set by unpacking.
  chmod 0755 "$root" "$root"/etc "$root"/etc/{kubernetes,etcd,containerd,cni,cni/net.d,haproxy-api,modules-load.d,sysctl.d,systemd,systemd/system}
  certificates_of "$name" "$root"
  kubeconfig "https://$address:6443" $pki/ca.crt $pki/controller-manager >"$root/etc/kubernetes/controller-manager.conf"
  kubeconfig "https://$address:6443" $pki/ca.crt $pki/scheduler >"$root/etc/kubernetes/scheduler.conf"
  for client in kubelet kube-proxy flannel; do
    kubeconfig $balancer $pki/ca.crt $pki/$client >"$root/etc/kubernetes/$client.conf"
  done
  kubernetes_files "$name" "$root/etc/kubernetes"
  runtime_files "$root/etc"
  balancer_file >"$root/etc/haproxy-api/haproxy.cfg"
  units "$name" "$address" "$root/etc/systemd/system"
}

certificates_of() {
  local name=$1 kubernetes=$2/etc/kubernetes/pki etcd=$2/etc/etcd/pki pair end
  for end in crt key; do
    for pair in apiserver apiserver-kubelet-client apiserver-etcd-client front-proxy-client controller-manager scheduler \
      controller-manager-serving scheduler-serving kubelet kubelet-serving kube-proxy flannel; do
      cp "$work/pki/$name-$pair.$end" "$kubernetes/$pair.$end"
    done
    cp "$work/pki/$name-etcd-server.$end" "$etcd/server.$end"
    cp "$work/pki/$name-etcd-peer.$end" "$etcd/peer.$end"
    cp "$work/pki/kubelet-signer.$end" "$kubernetes/"
  done
  cp "$work"/pki/{ca.crt,client-ca.crt,etcd-ca.crt,front-proxy-ca.crt,sa.key,sa.pub} "$kubernetes/"
  cp "$work/pki/etcd-ca.crt" "$etcd/ca.crt"
}

kubernetes_files() {
  local name=$1 folder=$2
  cat >"$folder/authentication.yaml" <<'YAML'
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: { enabled: true, conditions: [{ path: /livez }, { path: /readyz }, { path: /healthz }] }
YAML
  cat >"$folder/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - { level: None, nonResourceURLs: ['/healthz*', '/livez*', '/readyz*', '/version', '/openapi*', '/metrics'] }
  - { level: None, resources: [{ group: '', resources: [events] }, { group: events.k8s.io, resources: [events] }] }
  - { level: None, resources: [{ group: coordination.k8s.io, resources: [leases] }] }
  - { level: Metadata }
YAML
  cat >"$folder/scheduler.yaml" <<'YAML'
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: { kubeconfig: /etc/kubernetes/scheduler.conf }
leaderElection: { leaderElect: true }
YAML
  cat >"$folder/kubelet.yaml" <<'YAML'
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: { enabled: false }
  webhook: { enabled: true }
  x509: { clientCAFile: /etc/kubernetes/pki/ca.crt }
authorization: { mode: Webhook }
# The last three: the lab's machines may have cgroup v1, and the box's swap.
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
resolvConf: /etc/resolv.conf
rotateCertificates: true
tlsCertFile: /etc/kubernetes/pki/kubelet-serving.crt
tlsPrivateKeyFile: /etc/kubernetes/pki/kubelet-serving.key
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
YAML
  cat >"$folder/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: { kubeconfig: /etc/kubernetes/kube-proxy.conf }
clusterCIDR: $cluster_cidr
hostnameOverride: $name
metricsBindAddress: 127.0.0.1:10249
mode: nftables
nodePortAddresses: [primary]
# The kernel's limit is not the machine's own in a lab.
conntrack: { maxPerCore: 0 }
YAML
  printf '{"Network":"%s","EnableNFTables":true,"Backend":{"Type":"vxlan"}}\n' $cluster_cidr >"$folder/flannel/net-conf.json"
}

runtime_files() {
  local etc=$1
  set_image_version pause
  cat >"$etc/containerd/config.toml" <<TOML
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "registry.k8s.io/pause:$REPLY"
[plugins."io.containerd.cri.v1.runtime"]
# A box without CAP_SYS_RESOURCE refuses negative values.
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "/usr/local/bin/runc"
SystemdCgroup = false
TOML
  cat >"$etc/cni/10-flannel.conflist" <<'JSON'
{ "name": "cbr0", "cniVersion": "0.3.1", "plugins": [
  { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
  { "type": "portmap", "backend": "nftables", "capabilities": { "portMappings": true } } ] }
JSON
  printf '%s\n' br_netfilter nf_conntrack nf_tables overlay vxlan >"$etc/modules-load.d/kubernetes.conf"
  cat >"$etc/sysctl.d/90-kubernetes.conf" <<'CONF'
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 1048576
kernel.keys.root_maxbytes = 25000000
kernel.keys.root_maxkeys = 1000000
kernel.panic = 10
kernel.panic_on_oops = 1
net.bridge.bridge-nf-call-ip6tables = 1
net.bridge.bridge-nf-call-iptables = 1
net.ipv4.ip_forward = 1
vm.overcommit_memory = 1
vm.panic_on_oom = 0
CONF
}

balancer_file() {
  cat <<'CFG'
global
    user haproxy
    group haproxy
    maxconn 4000
defaults
    mode tcp
    option clitcpka
    option srvtcpka
    option redispatch
    retries 3
    timeout connect 3s
    timeout check 2s
    timeout queue 5s
    timeout client 4h
    timeout server 4h
frontend api
    bind 127.0.0.1:6444
    default_backend apiservers
backend apiservers
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200
    default-server inter 1s fall 1 rise 2 check check-ssl check-sni kubernetes verify required verifyhost kubernetes ca-file /etc/kubernetes/pki/ca.crt
CFG
  members '    server %s %s:6443' | tr ',' '\n'
  printf '\n'
}
