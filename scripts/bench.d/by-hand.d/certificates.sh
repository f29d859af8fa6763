# Certificates by openssl: the rows of certs/catalog.yml. Sourced by by-hand.
# shellcheck shell=bash disable=SC2154

# request NAME DAYS SUBJECT OPTION…: a fresh P-256 key and a certificate of it, in one call of openssl.
request() {
  local name=$1 days=$2 subject=$3
  shift 3
  openssl req -x509 -config "$work/pki/openssl.cnf" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" \
    -subj "$subject" -keyout "$work/pki/$name.key" -out "$work/pki/$name.crt" "$@" 2>"$work/pki/$name.log" ||
    complain "openssl did not make $name: $(<"$work/pki/$name.log")"
}

# authority NAME CN [ISSUER]
authority() {
  local issuer=()
  [[ -z ${3-} ]] || issuer=(-CA "$work/pki/$3.crt" -CAkey "$work/pki/$3.key")
  request "$1" 3650 "/CN=$2" "${issuer[@]}" -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign -addext subjectKeyIdentifier=hash
}

# leaf NAME ISSUER SUBJECT USAGES [SANS]
leaf() {
  local sans=()
  [[ -z ${5-} ]] || sans=(-addext "subjectAltName=$5")
  request "$1" 365 "$3" -CA "$work/pki/$2.crt" -CAkey "$work/pki/$2.key" -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature,keyEncipherment -addext "extendedKeyUsage=$4" \
    -addext authorityKeyIdentifier=keyid "${sans[@]}"
}

# leaves_of NAME ADDRESS: the certificates of one machine, which is etcd member, control plane and worker.
leaves_of() {
  local name=$1 address=$2 loopback=DNS:localhost,IP:127.0.0.1,IP:::1
  local self=DNS:$name,IP:$address client=clientAuth server=serverAuth
  leaf "$name-apiserver" ca /CN=kube-apiserver $server \
    "$self,$loopback,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:10.96.0.1,IP:${addresses[0]}"
  leaf "$name-apiserver-kubelet-client" ca /CN=kube-apiserver-kubelet-client $client
  leaf "$name-apiserver-etcd-client" etcd-ca /CN=kube-apiserver-etcd-client $client
  leaf "$name-front-proxy-client" front-proxy-ca /CN=front-proxy-client $client
  leaf "$name-controller-manager" ca /CN=system:kube-controller-manager $client
  leaf "$name-scheduler" ca /CN=system:kube-scheduler $client
  leaf "$name-controller-manager-serving" ca /CN=kube-controller-manager $server "$loopback"
  leaf "$name-scheduler-serving" ca /CN=kube-scheduler $server "$loopback"
  leaf "$name-etcd-server" etcd-ca "/CN=$name" $server,$client "$self,$loopback"
  leaf "$name-etcd-peer" etcd-ca "/CN=$name" $server,$client "$self,$loopback"
  leaf "$name-kubelet" ca "/O=system:nodes/CN=system:node:$name" $client
  leaf "$name-kubelet-serving" ca "/O=system:nodes/CN=system:node:$name" $server "$self"
  leaf "$name-kube-proxy" ca /CN=system:kube-proxy $client
  leaf "$name-flannel" ca /CN=by-hand:flannel $client
}

make_certificates() {
  local index pids=()
  mkdir -p "$work/pki"
  printf '[req]\ndistinguished_name = name\n[name]\n' >"$work/pki/openssl.cnf"
  authority ca kubernetes
  authority etcd-ca etcd-ca
  authority front-proxy-ca front-proxy-ca
  authority kubelet-signer kubelet-signer ca
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/pki/sa.key"
  openssl ec -in "$work/pki/sa.key" -pubout -out "$work/pki/sa.pub" 2>/dev/null
  cat "$work/pki/ca.crt" "$work/pki/kubelet-signer.crt" >"$work/pki/client-ca.crt"
  for index in "${!names[@]}"; do
    leaves_of "${names[index]}" "${addresses[index]}" &
    pids+=($!)
  done
  leaf admin ca /O=kubeadm:cluster-admins/CN=kubernetes-admin clientAuth
  leaf super-admin ca /O=system:masters/CN=kubernetes-super-admin clientAuth
  leaf etcd-healthcheck-client etcd-ca /CN=kube-etcd-healthcheck-client clientAuth
  wait_for "${pids[@]}"
  # With the super-admin's rights, since the first thing it does is to bind the others.
  kubeconfig "https://${addresses[0]}:6443" "$work/pki/ca.crt" "$work/pki/super-admin" >"$work/admin.conf"
}

# kubeconfig SERVER CA CLIENT: CLIENT.crt and CLIENT.key, by path.
kubeconfig() {
  cat <<YAML
apiVersion: v1
kind: Config
clusters: [{ name: bench, cluster: { certificate-authority: $2, server: "$1" } }]
contexts: [{ name: bench, context: { cluster: bench, user: client } }]
current-context: bench
users: [{ name: client, user: { client-certificate: $3.crt, client-key: $3.key } }]
YAML
}
