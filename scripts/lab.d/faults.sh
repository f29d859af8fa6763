# Cut cables, dropped traffic between two machines, a slow link.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

set_cable() { ip -n "$operator" link set "$1" "$2" 2>/dev/null || true; }

# cut MACHINE [--from MACHINE]
cut_command() {
  local name=${1:-} other=
  [[ -n $name ]] || usage_error "cut needs a machine."
  [[ $# -ne 3 || $2 != --from ]] || other=$3
  [[ $# -eq 1 || -n $other ]] || usage_error "write: cut MACHINE, or: cut MACHINE --from MACHINE"
  require_lab && require_machine "$name"
  lock_lab
  if [[ -z $other ]]; then
    : >"$state/$name/cut"
    set_cable "$name" down
    say "$name is cut from the network"
  else
    require_machine "$other"
    grep -qxF "$name $other" "$state/pairs" 2>/dev/null || printf '%s %s\n%s %s\n' "$name" "$other" "$other" "$name" >>"$state/pairs"
    apply_pairs
    say "$name and $other are cut from each other"
  fi
}

# heal MACHINE | heal --all undoes every cut that the machine is part of.
heal_command() {
  local name names=("$@")
  ((${#names[@]} > 0)) || usage_error "heal needs a machine, or --all."
  require_lab
  [[ ${names[*]} != --all ]] || readarray -t names < <(machines)
  lock_lab
  for name in "${names[@]}"; do
    require_machine "$name"
    rm -f "$state/$name/cut"
    set_cable "$name" up
    [[ ! -e $state/pairs ]] || sed -i -E "/^$name |  *$name\$/d" "$state/pairs"
  done
  apply_pairs
  say "healed: $(name_some "${names[@]}")"
}

# Rewrites the table as a whole, in one transaction, from the list of pairs. The filter sits in the bridge, so that a
# machine cannot undo it and whatever the machines tunnel through each other is dropped as well.
apply_pairs() {
  local pairs=
  [[ ! -s $state/pairs ]] || pairs="elements = { $(sed -E 's/(.*) (.*)/"\1" . "\2"/' "$state/pairs" | paste -sd,) }"
  in_operator nft -f - <<RULES
table bridge kbin_lab
delete table bridge kbin_lab
table bridge kbin_lab {
  set cut { type ifname . ifname; $pairs
  }
  chain forward {
    type filter hook forward priority 0;
    iifname . oifname @cut drop
  }
}
RULES
}

# shape --rate RATE | shape --off
shape_command() {
  local rate=
  case "${1:-} ${2:-}" in
    "--off ") ;;
    "--rate "?*) rate=$2 ;;
    *) usage_error "write: shape --rate 1gbit, or: shape --off" ;;
  esac
  require_lab
  lock_lab
  tc -n "$operator" qdisc del dev "$bridge" root 2>/dev/null || true
  tc -n "$operator" qdisc del dev "$bridge" ingress 2>/dev/null || true
  ip -n "$operator" link del lab-in 2>/dev/null || true
  [[ -n $rate ]] || { say "the operator's link is not shaped" && return; }
  # Out through the bridge device goes only what the operator sends; what it receives is queued on an ifb device.
  # Traffic between machines passes neither.
  limit_rate "$bridge" "$rate" || die "\"$rate\" is no rate to tc. Write one such as 1gbit or 200mbit."
  ip -n "$operator" link add lab-in type ifb
  ip -n "$operator" link set lab-in up
  limit_rate lab-in "$rate"
  tc -n "$operator" qdisc add dev "$bridge" handle ffff: ingress
  tc -n "$operator" filter add dev "$bridge" parent ffff: protocol all u32 match u32 0 0 \
    action mirred egress redirect dev lab-in
  say "the operator's link carries $rate each way"
}

# A burst of 256 kB holds several of the largest segments; 50 ms is the queue of a good switch.
limit_rate() { tc -n "$operator" qdisc replace dev "$1" root tbf rate "$2" burst 256kb latency 50ms; }
