# up, down and status: a lab as a whole.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

up_command() {
  local count='' kind='' name names=() stopped=() began=${EPOCHREALTIME/[.,]/}
  while (($# > 0)); do
    case $1 in
      --machines) count=${2:-} && shift ;;
      --machines=*) count=${1#*=} ;;
      --kind) kind=${2:-} && shift ;;
      --kind=*) kind=${1#*=} ;;
      *) usage_error "up does not know \"$1\"." ;;
    esac
    shift || usage_error "up: an option lacks its value."
  done
  [[ ${count:-1} =~ ^([1-9][0-9]{0,2}|1000)$ ]] || usage_error "--machines takes 1 to 1000."
  [[ ${kind:-machine} =~ ^(machine|sshd)$ ]] || usage_error "--kind is machine or sshd."

  require_box
  install_box_packages
  lock_lab
  read_kind
  [[ -z $kind || -z $lab_kind || $kind == "$lab_kind" ]] ||
    die "is there with machines of kind $lab_kind. Take it down first, or give this one another --name."
  prepare_lab "${kind:-machine}"
  [[ -n $count || -n $(machines) ]] || count=3
  reconnect_operator
  for name in $(seq -f 'node-%.0f' "${count:-0}"); do
    prepare_disk "$name"
  done
  readarray -t names < <(machines)
  for name in "${names[@]}"; do
    mkdir -p -m 0700 "$state/$name"
    is_up "$name" || stopped+=("$name")
  done
  write_addresses
  if ((${#stopped[@]} == 0)); then
    say "is up: ${#names[@]} of kind $lab_kind"
    return
  fi
  say "starting ${#stopped[@]} of ${#names[@]}, kind $lab_kind"
  power_on "${stopped[@]}"
  set_elapsed "$began"
  say "up after $REPLY: ${#names[@]} of kind $lab_kind. Try: scripts/lab ssh --name $lab ${names[0]}"
}

# Machines hang on the operator's bridge; without it they are as good as off, and are started again.
reconnect_operator() {
  local name
  operator_is_up && return
  for name in $(machines); do
    power_off "$name"
  done
  connect_operator
  [[ ! -e $state/pairs ]] || apply_pairs
}

is_up() {
  if [[ $lab_kind == machine ]]; then machine_is_up "$1"; else is_powered "$1"; fi
}

# power_on NAME…: starts them all at once, each from a clean state, and returns when each answers.
power_on() {
  local name pids=() failed=0
  for name in "$@"; do
    end_processes "$name"
    mkdir -p -m 0700 "$state/$name"
  done
  if [[ $lab_kind == sshd ]]; then
    start_hosts "$@"
    return
  fi
  for name in "$@"; do
    start_machine "$name"
    await_machine "$name" "${EPOCHREALTIME/[.,]/}" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || failed=1
  done
  ((failed == 0)) || exit 1
}

# await_machine NAME BEGAN returns when the machine is booted to the end and a login works.
await_machine() {
  local name=$1 began=$2 ready=answers_ssh
  [[ ! -e $state/$name/cut ]] || ready=listens_ssh
  wait_until 10 is_powered "$name" || true
  wait_until "$wait_seconds" is_decided "$name" "$ready" || true
  if ! is_powered "$name" || ! "$ready" "$name" || ! wait_until "$wait_seconds" finished_booting "$name"; then
    {
      set_elapsed "$began"
      printf 'lab %s: %s did not come up, after %s. The last lines of its console:\n' "$lab" "$name" "$REPLY"
      tail -q -n 25 "$state/$name/supervisor.log" "$state/$name/console.log" || true
    } >&2
    exit 1
  fi
  machine_number "$name"
  set_address "$REPLY" && local address=$REPLY
  set_elapsed "$began"
  if [[ $ready == answers_ssh ]]; then
    say "$name answers ssh at $address after $REPLY"
  else
    say "$name is booted after $REPLY, and cut from the network"
  fi
}

is_powered() { set_recorded "$state/$1/supervisor"; }

# is_decided NAME READY: it is ready, or has lost its supervisor and never will be.
is_decided() { "$2" "$1" || ! is_powered "$1"; }

# A machine some of whose units failed is "degraded", and has booted all the same.
finished_booting() {
  local pid
  set_recorded "$state/$1/init" || return 1
  pid=$REPLY
  case $(timeout 10 nsenter --target="$pid" --all systemctl is-system-running --wait 2>/dev/null || true) in
    running | degraded | maintenance) return 0 ;;
    *) return 1 ;;
  esac
}

down_command() {
  local name
  if [[ ${1:-} == --all ]]; then
    for name in $(find "$state_base" "$data_base" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort -u); do
      choose_lab "$name"
      take_down
    done
    return
  fi
  (($# == 0)) || usage_error "down takes --name LAB or --all."
  take_down
}

take_down() {
  local name names
  if [[ ! -d $state && ! -d $data ]]; then
    say "is not there"
    return
  fi
  lock_lab
  names=$(find "$state" "$data" -mindepth 1 -maxdepth 1 -type d -name 'node-*' -printf '%f\n' 2>/dev/null | sort -u)
  for name in $names; do cut_power "$name"; done
  for name in $names; do end_processes "$name"; done
  disconnect_operator
  # Recorded before it was made, a namespace may be on the list and not there; on the list it is ours.
  while read -r name; do
    [[ ! -e /run/netns/$name ]] || ip netns del "$name"
  done < <(cat "$state/namespaces" 2>/dev/null)
  forget_addresses
  rm -rf --one-file-system "$data" "$state"
  forget_namespaces
  rm -f "$state_base/$lab.lock"
  unlock_lab
  rmdir --ignore-fail-on-non-empty "$state_base" "$data_base"
  say "is down, nothing is left of it"
}
