# systemd units of one machine. Sourced by by-hand.
# shellcheck shell=bash disable=SC2154,SC2086

# unit NAME TYPE SETTINGS COMMAND…: SETTINGS are further lines of [Service].
unit() {
  local name=$1 type=$2 settings=$3
  shift 3
  cat >"$folder/$name.service" <<UNIT
[Unit]
Description=$name
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
[Service]
Type=$type
ExecStart=$*
Restart=always
RestartSec=3
LimitNOFILE=65536
$settings
[Install]
WantedBy=multi-user.target
UNIT
}

# units NAME ADDRESS FOLDER
units() {
  local name=$1 address=$2 folder=$3 pki=/etc/kubernetes/pki etc=/etc/kubernetes front_proxy
  front_proxy="--requestheader-client-ca-file=$pki/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client"
  unit_etcd
  unit_apiserver
  unit kube-controller-manager exec '' /usr/local/bin/kube-controller-manager --allocate-node-cidrs=true \
    --cluster-cidr=$cluster_cidr --node-cidr-mask-size=24 --service-cluster-ip-range=$service_cidr --bind-address=127.0.0.1 \
    --kubeconfig=$etc/controller-manager.conf --authentication-kubeconfig=$etc/controller-manager.conf \
    --authorization-kubeconfig=$etc/controller-manager.conf --client-ca-file=$pki/client-ca.crt "$front_proxy" \
    --cluster-signing-cert-file=$pki/kubelet-signer.crt --cluster-signing-key-file=$pki/kubelet-signer.key \
    --root-ca-file=$pki/ca.crt --service-account-private-key-file=$pki/sa.key --use-service-account-credentials=true \
    --tls-cert-file=$pki/controller-manager-serving.crt --tls-private-key-file=$pki/controller-manager-serving.key \
    --profiling=false
  unit kube-scheduler exec '' /usr/local/bin/kube-scheduler --config=$etc/scheduler.yaml --bind-address=127.0.0.1 \
    --authentication-kubeconfig=$etc/scheduler.conf --authorization-kubeconfig=$etc/scheduler.conf \
    --client-ca-file=$pki/client-ca.crt "$front_proxy" \
    --tls-cert-file=$pki/scheduler-serving.crt --tls-private-key-file=$pki/scheduler-serving.key
  unit haproxy-api notify $'KillMode=mixed\nSuccessExitStatus=143' /usr/sbin/haproxy -Ws -f /etc/haproxy-api/haproxy.cfg \
    -p /run/haproxy-api.pid
  unit containerd notify $'Delegate=yes\nKillMode=process\nTasksMax=infinity' /usr/local/bin/containerd \
    --config=/etc/containerd/config.toml
  unit kubelet notify KillMode=process /usr/local/bin/kubelet --config=$etc/kubelet.yaml --kubeconfig=$etc/kubelet.conf \
    --hostname-override="$name" --node-ip="$address"
  unit kube-proxy exec '' /usr/local/bin/kube-proxy --config=$etc/kube-proxy.yaml --hostname-override="$name"
  unit flanneld notify "Environment=NODE_NAME=$name" /usr/local/bin/flanneld --iface="$address" --ip-masq=true \
    --kube-subnet-mgr=true --kubeconfig-file=$etc/flannel.conf --net-config-path=$etc/flannel/net-conf.json
}

unit_etcd() {
  local own=/etc/etcd/pki
  unit etcd notify $'User=etcd\nGroup=etcd\nTimeoutStartSec=10min' /usr/local/bin/etcd --name="$name" \
    --data-dir=/var/lib/etcd --listen-client-urls="https://$address:2379,https://127.0.0.1:2379" \
    --advertise-client-urls="https://$address:2379" --listen-peer-urls="https://$address:2380" \
    --initial-advertise-peer-urls="https://$address:2380" --initial-cluster="$(members '%s=https://%s:2380')" \
    --initial-cluster-state=new --initial-cluster-token=bench --listen-metrics-urls=http://127.0.0.1:2381 \
    --cert-file=$own/server.crt --key-file=$own/server.key --trusted-ca-file=$own/ca.crt --client-cert-auth=true \
    --peer-cert-file=$own/peer.crt --peer-key-file=$own/peer.key --peer-trusted-ca-file=$own/ca.crt \
    --peer-client-cert-auth=true --feature-gates=InitialCorruptCheck=true --watch-progress-notify-interval=5s \
    --quota-backend-bytes=4294967296
}

unit_apiserver() {
  unit kube-apiserver notify '' /usr/local/bin/kube-apiserver --advertise-address="$address" --allow-privileged=true \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --authentication-config=$etc/authentication.yaml --client-ca-file=$pki/client-ca.crt \
    --etcd-servers="$(members 'https://%.0s%s:2379')" --etcd-cafile=$pki/etcd-ca.crt \
    --etcd-certfile=$pki/apiserver-etcd-client.crt --etcd-keyfile=$pki/apiserver-etcd-client.key \
    --kubelet-certificate-authority=$pki/ca.crt --kubelet-client-certificate=$pki/apiserver-kubelet-client.crt \
    --kubelet-client-key=$pki/apiserver-kubelet-client.key \
    --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname \
    --proxy-client-cert-file=$pki/front-proxy-client.crt --proxy-client-key-file=$pki/front-proxy-client.key \
    "$front_proxy" --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
    --requestheader-username-headers=X-Remote-User --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file=$pki/sa.pub --service-account-signing-key-file=$pki/sa.key \
    --service-cluster-ip-range=$service_cidr --tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key \
    --audit-policy-file=$etc/audit-policy.yaml --audit-log-path=/var/log/kubernetes/audit.log --audit-log-maxage=30 \
    --audit-log-maxbackup=10 --audit-log-maxsize=100 --shutdown-delay-duration=4s \
    --shutdown-watch-termination-grace-period=2s --profiling=false
}
