# Keys of a lab, and the disk of each machine: an overlay on the root filesystem, and three real directories.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

# prepare_lab KIND makes what all machines of the lab share; what is there stays.
prepare_lab() {
  local kind=$1
  mkdir -p -m 0700 "$state" "$data"
  if [[ ! -e $data/kind ]]; then
    ensure_rootfs
    printf '%s\n' "$REPLY" >"$data/rootfs"
    rm -f "$data"/id_ed25519*
    ssh-keygen -q -t ed25519 -N '' -C "operator of lab $lab" -f "$data/id_ed25519"
    make_common_layer "$data/common"
    # Last, so that a lab of which this exists is complete.
    printf '%s\n' "$kind" >"$data/kind"
  fi
  read_kind
  rootfs=$(<"$data/rootfs")
  [[ -d $rootfs ]] || die "its root filesystem $rootfs is gone. Run: scripts/lab down --name $lab"
  ln -sfn "$data/id_ed25519" "$state/id_ed25519"
  ln -sfn "$data/id_ed25519.pub" "$state/id_ed25519.pub"
}

# The layer between root filesystem and machine: who may log in. Modes are set in full, since in an overlay the
# uppermost layer's directory decides.
make_common_layer() {
  local layer=$1 home owner
  rm -rf --one-file-system "$layer"
  install -d -m 0755 "$layer" "$layer/home"
  while read -r home owner; do
    install -d -o "$owner" -g "$owner" -m "$(stat -c %a "$(<"$data/rootfs")$home")" "$layer$home"
    install -d -o "$owner" -g "$owner" -m 0700 "$layer$home/.ssh"
    install -o "$owner" -g "$owner" -m 0600 "$data/id_ed25519.pub" "$layer$home/.ssh/authorized_keys"
  done <<'HOMES'
/root 0
/home/ops 1000
/home/nopass 1001
HOMES
}

# prepare_disk NAME makes the machine's disk with its name, id and host key, unless it has one.
prepare_disk() {
  local disk=$data/$1 building=$data/.$1 address id
  mkdir -p -m 0700 "$state/$1"
  [[ ! -d $disk ]] || return 0
  machine_number "$1"
  set_address "$REPLY" && address=$REPLY
  rm -rf --one-file-system "$building"
  mkdir -p "$building"/{root,overlay,upper/etc/ssh,containerd,kubelet,etcd}
  read -r id </proc/sys/kernel/random/uuid
  printf '%s\n' "${id//-/}" >"$building/upper/etc/machine-id"
  printf '%s\n' "$1" >"$building/upper/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n%s %s\n' "$address" "$1" \
    >"$building/upper/etc/hosts"
  ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$building/upper/etc/ssh/ssh_host_ed25519_key"
  mv -T "$building" "$disk"
}

# write_addresses writes who is where for ssh and for programs in the operator's namespace.
write_addresses() {
  local name address key type
  {
    printf 'Host *\n  User root\n  IdentityFile %s\n  IdentitiesOnly yes\n  ConnectTimeout 10\n' "$state/id_ed25519"
    printf '  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n' "$state/known_hosts"
    printf '  StrictHostKeyChecking yes\n  UpdateHostKeys no\n'
  } >"$state/ssh_config.new"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$state/hosts.new"
  : >"$state/known_hosts.new"
  while read -r name; do
    machine_number "$name"
    set_address "$REPLY" && address=$REPLY
    read -r type key _ <"$data/$name/upper/etc/ssh/ssh_host_ed25519_key.pub"
    printf '%s,%s %s %s\n' "$address" "$name" "$type" "$key" >&4
    printf 'Host %s\n  HostName %s\n' "$name" "$address" >&5
    printf '%s %s\n' "$address" "$name" >&6
  done < <(machines) 4>>"$state/known_hosts.new" 5>>"$state/ssh_config.new" 6>>"$state/hosts.new"
  # `ip netns exec` lays these files over those of /etc, so that the machines' names work for the operator.
  [[ -d /etc/netns ]] || { mkdir -p /etc/netns && : >"$state_base/.made-etc-netns"; }
  mkdir -p "/etc/netns/$operator"
  for name in known_hosts ssh_config hosts; do mv -f "$state/$name.new" "$state/$name"; done
  cp "$state/hosts" "/etc/netns/$operator/hosts"
}

forget_addresses() {
  rm -rf "/etc/netns/$operator"
  [[ ! -e $state_base/.made-etc-netns ]] || { rmdir /etc/netns 2>/dev/null && rm -f "$state_base/.made-etc-netns"; } || true
}

# overlay_options NAME: the layers of the machine's root.
overlay_options() {
  local disk=$data/$1
  printf 'lowerdir=%s:%s,upperdir=%s,workdir=%s' "$data/common" "$(<"$data/rootfs")" "$disk/upper" "$disk/overlay"
}
