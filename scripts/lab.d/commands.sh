# Commands about single machines: status, ssh, exec, reboot, power, log.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

status_command() {
  local name names=() number address pid seconds up cut comma='' uptime ticks
  [[ $# -eq 0 || $* == --json ]] || usage_error "status takes --json only."
  ticks=$(getconf CLK_TCK)
  read -r uptime _ </proc/uptime
  readarray -t names < <(machines)
  if [[ ${1:-} == --json ]]; then
    printf '{"lab":"%s","kind":"%s","namespace":"%s","machines":[' "$lab" "$lab_kind" "$operator"
  elif [[ -z $lab_kind ]]; then
    say "is not there"
  else
    status_row MACHINE ADDRESS STATE PID UPTIME CUT
  fi
  for name in "${names[@]}"; do
    machine_number "$name" && number=$REPLY
    set_address "$number" && address=$REPLY
    up=false pid=null seconds=null
    if is_up "$name" && set_init "$name"; then
      up=true pid=$REPLY
      ! set_start_time "$pid" || seconds=$((${uptime%.*} - REPLY / ticks))
    fi
    if [[ ${1:-} == --json ]]; then
      cut=false
      [[ ! -e $state/$name/cut ]] || cut=true
      printf '%s{"name":"%s","address":"%s","up":%s,"pid":%s,"uptimeSeconds":%s,"cut":%s}' \
        "$comma" "$name" "$address" "$up" "$pid" "$seconds" "$cut"
      comma=,
    elif [[ $up == true ]]; then
      status_row "$name" "$address" up "$pid" "$seconds s" "$(cuts_of "$name")"
    else
      status_row "$name" "$address" down - - "$(cuts_of "$name")"
    fi
  done
  [[ ${1:-} != --json ]] || printf ']}\n'
  [[ -n $lab_kind ]] || exit 3
}

status_row() { printf '%-10s %-14s %-5s %8s %9s  %s\n' "$@"; }

cuts_of() {
  [[ ! -e $state/$1/cut ]] || printf 'from all '
  [[ ! -e $state/pairs ]] || sed -nE "s/^$1 (.*)/from \1/p" "$state/pairs" | paste -sd' '
}

# set_init NAME sets REPLY to the id, on the box, of the machine's PID 1.
set_init() {
  local children=()
  if [[ -e $state/$1/init ]]; then
    set_recorded "$state/$1/init"
    return
  fi
  # In the sshd kind it is the one child of the process that is recorded.
  set_recorded "$state/$1/supervisor" || return 1
  { read -ra children <"/proc/$REPLY/task/$REPLY/children"; } 2>/dev/null || true
  REPLY=${children[0]:-}
  [[ -n $REPLY ]]
}

# Replaces this program, so that terminal, signals and exit status are the command's own.
ssh_command() {
  (($# > 0)) || usage_error "ssh needs a machine."
  require_lab && require_machine "$1"
  exec ip netns exec "$operator" ssh -F "$state/ssh_config" "$@"
}

exec_command() {
  [[ ${1:-} != -- ]] || shift
  (($# > 0)) || usage_error "exec needs a command."
  require_lab
  exec ip netns exec "$operator" "$@"
}

# reboot MACHINE…: as if someone typed reboot; returns when each answers again.
reboot_command() {
  local name
  (($# > 0)) || usage_error "reboot needs a machine."
  require_lab
  for name in "$@"; do require_machine "$name"; done
  for name in "$@"; do reboot_machine "$name"; done
}

reboot_machine() {
  local name=$1 began=${EPOCHREALTIME/[.,]/} before signal
  { is_up "$name" && set_init "$name"; } || die "$name is down. Run: scripts/lab power on $name --name $lab"
  before=$REPLY
  if [[ $lab_kind == sshd ]]; then
    power_off "$name"
    power_on "$name"
    return
  fi
  # systemd's own signal for "reboot, in order" (systemd(1), SIGRTMIN+5); it needs no network.
  signal=$(($(kill -l RTMIN) + 5))
  kill -"$signal" "$before"
  wait_until "$wait_seconds" has_new_init "$name" "$before" || {
    tail -n 25 "$state/$name/console.log" >&2
    die "$name did not reboot in $wait_seconds s; the last lines of its console are above."
  }
  await_machine "$name" "$began"
}

has_new_init() { set_recorded "$state/$1/init" && [[ $REPLY != "$2" ]]; }

# power off|on MACHINE…|--all
power_command() {
  local turn=${1:-} name
  shift || true
  [[ $turn =~ ^(on|off)$ && $# -gt 0 ]] || usage_error "write: power off MACHINE…, power on MACHINE…, or --all"
  require_lab
  local names=("$@") stopped=()
  [[ $* != --all ]] || readarray -t names < <(machines)
  for name in "${names[@]}"; do require_machine "$name"; done
  lock_lab
  if [[ $turn == off ]]; then
    for name in "${names[@]}"; do cut_power "$name"; done
    for name in "${names[@]}"; do power_off "$name"; done
    say "off: $(name_some "${names[@]}")"
    return
  fi
  for name in "${names[@]}"; do
    is_up "$name" || stopped+=("$name")
  done
  ((${#stopped[@]} > 0)) || { say "on already: $(name_some "${names[@]}")" && return; }
  power_on "${stopped[@]}"
  say "on: $(name_some "${stopped[@]}")"
}

# All machines lose power in the same instant; what they leave, or one in the middle of its boot, is cleared away after.
cut_power() {
  local init
  set_init "$1" || return 0
  init=$REPLY
  ! set_recorded "$state/$1/supervisor" || kill -KILL "$REPLY" 2>/dev/null || true
  kill -KILL "$init" 2>/dev/null || true
}

log_command() {
  (($# == 1)) || usage_error "log needs a machine."
  require_lab && require_machine "$1"
  [[ -e $state/$1/console.log ]] || die "$1 has no console log yet."
  cat "$state/$1"/{supervisor,console}.log 2>/dev/null || true
}
