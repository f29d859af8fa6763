# The sshd kind: a host is one plain sshd in network, mount, pid and host name namespaces of its own.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

# start_host NAME. The process recorded is unshare, whose end is the end of the host's PID 1 (--kill-child) and so of
# everything in the host.
start_host() {
  local name=$1 address mac
  machine_number "$name"
  set_mac "$REPLY" && mac=$REPLY
  set_address "${name#node-}" && address=$REPLY
  (
    record "$state/$name/supervisor" "$BASHPID"
    exec setsid unshare --net --mount --pid --uts --ipc --fork --kill-child --propagation slave \
      "$lab_parts/host-init" "$name" "$address" "$mac" "$operator" "$bridge" "$bridge_address" "$bridge_mac" \
      "$data/$name/root" "$(overlay_options "$name")" "$([[ ! -e $state/$name/cut ]] && echo up || echo down)"
  ) </dev/null >>"$state/$name/console.log" 2>&1 9>&- &
}

# start_hosts NAME…: as many at a time as two processors take without the first ones waiting for the last.
start_hosts() {
  local name names=("$@") batch=()
  while ((${#names[@]} > 0)); do
    batch=("${names[@]:0:50}")
    names=("${names[@]:50}")
    for name in "${batch[@]}"; do
      disconnect_host "$name"
      start_host "$name"
    done
    await_hosts "${batch[@]}"
  done
}

# A cable of an earlier, dead host may still hang in the bridge.
disconnect_host() {
  [[ -e $state/$1/started ]] || { : >"$state/$1/started" && return; }
  disconnect_machine "$1"
}

# await_hosts NAME…: until every one shows sshd's greeting; cut ones are not asked.
await_hosts() {
  local name asked=() silent
  for name in "$@"; do
    [[ -e $state/$name/cut ]] || asked+=("$name")
  done
  ((${#asked[@]} > 0)) || return 0
  silent=$(printf '%s\n' "${asked[@]}" | in_operator "$lab_parts/await-ssh" "$wait_seconds") && return
  for name in $silent; do
    printf 'lab %s: %s does not answer ssh. The last lines of its console:\n' "$lab" "$name" >&2
    tail -n 20 "$state/$name/console.log" >&2
  done
  die "hosts that do not answer: $(tr '\n' ' ' <<<"$silent")"
}
