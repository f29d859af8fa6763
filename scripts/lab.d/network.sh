# The operator's namespace with the bridge, and one namespace and cable a machine.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

readonly bridge=lab0
readonly bridge_address=10.77.0.1
readonly bridge_mac=02:77:ff:00:00:01

in_operator() { ip netns exec "$operator" "$@"; }

# add_namespace NAME records the namespace and makes it; one of that name made by someone else is an error.
add_namespace() {
  if [[ -e /run/netns/$1 ]]; then
    grep -qxF "$1" "$state/namespaces" 2>/dev/null || die "the network namespace $1 exists and is not this lab's."
    ip netns del "$1"
  fi
  grep -qxF "$1" "$state/namespaces" 2>/dev/null || printf '%s\n' "$1" >>"$state/namespaces"
  ip netns add "$1"
}

# The first namespace of a box makes /run/netns a mount point; whoever made it so takes it away at the end. Locked, as
# several labs may come and go at once.
add_operator_namespace() {
  (
    flock 7
    mountpoint -q /run/netns || : >"$state_base/.made-run-netns"
    add_namespace "$operator"
  ) 7<"$state_base"
}

forget_namespaces() {
  [[ -e $state_base/.made-run-netns ]] || return 0
  (
    flock 7
    [[ -z $(find /run/netns -mindepth 1 -print -quit) ]] || exit 0
    umount /run/netns && rmdir /run/netns && rm -f "$state_base/.made-run-netns"
  ) 7<"$state_base"
}

operator_is_up() { [[ -e /run/netns/$operator ]] && ip -n "$operator" link show "$bridge" up 2>/dev/null | grep -q .; }

connect_operator() {
  operator_is_up && return
  add_operator_namespace
  ip -n "$operator" -batch - <<BATCH
link set lo up
link add $bridge address $bridge_mac type bridge stp_state 0 forward_delay 0 mcast_snooping 0
addr add $bridge_address/16 brd + dev $bridge
route add unreachable default
link set $bridge up
BATCH
  # With forwarding on and nowhere to forward to, a packet for an address outside is refused at once, not lost.
  # Frames between machines must not pass the operator's own filter.
  # shellcheck disable=SC2016 # expands in the namespace's shell
  nsenter --net="/run/netns/$operator" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
    for call in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$call" ] || echo 0 >"$call"; done'
}

disconnect_operator() {
  [[ -e /run/netns/$operator ]] || return 0
  # A program still running in the namespace keeps it alive without its name: take its network apart too.
  ip -n "$operator" link del "$bridge" 2>/dev/null || true
  ip netns del "$operator"
}

# connect_machine NAME gives the machine a fresh namespace and a cable to the bridge, unplugged if the machine is cut.
connect_machine() {
  local name=$1 namespace=$operator.$1 address mac plug=up
  machine_number "$name"
  local number=$REPLY
  set_address "$number" && address=$REPLY
  set_mac "$number" && mac=$REPLY
  [[ ! -e $state/$name/cut ]] || plug=down
  disconnect_machine "$name"
  add_namespace "$namespace"
  # Both ends are created where they belong: in the root namespace, machines starting at once would race for names.
  ip link add "$name" netns "$operator" type veth peer name host0 address "$mac" netns "$namespace"
  ip -n "$namespace" -batch - <<BATCH
link set lo up
addr add $address/16 brd + dev host0
link set host0 up
route add default via $bridge_address
BATCH
  ip -n "$operator" link set "$name" master "$bridge" "$plug"
}

# The kernel takes a nameless namespace apart some time later: the cable must be gone before the next boot.
disconnect_machine() {
  set_address "${1#node-}"
  # -force goes on after what is not there. A neighbour still known would have the next boot's first packets wait for it.
  ip -n "$operator" -force -batch - 2>/dev/null <<BATCH || true
link del $1
neigh del $REPLY dev $bridge
BATCH
  [[ ! -e /run/netns/$operator.$1 ]] || ip netns del "$operator.$1"
}

# answers_ssh NAME: a login works.
answers_ssh() {
  timeout 10 ip netns exec "$operator" ssh -F "$state/ssh_config" -o BatchMode=yes -o ConnectTimeout=2 "$1" true \
    </dev/null >/dev/null 2>&1
}

# listens_ssh NAME: sshd listens; all that can be asked of a machine whose cable is unplugged.
listens_ssh() {
  local pid
  set_recorded "$state/$1/init" || return 1
  pid=$REPLY
  nsenter --net="/proc/$pid/ns/net" ss -Hltn 'sport = :22' 2>/dev/null | grep -q .
}
