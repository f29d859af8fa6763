# The measures, one function each. Every one writes its rows and leaves no lab that the next would trip over.
# shellcheck shell=bash disable=SC2154

readonly deploy_seconds=420 short_seconds=120
kbin_deployed=''

deploy_by_hand() { # LOG
  timed "$1" "$deploy_seconds" bench "$parts/by-hand" --ssh-config "$(ssh_config bench)" --artifacts "$artifacts"
}

deploy_kbin() { # LOG
  timed "$1" "$deploy_seconds" bench node "$cli" deploy -i "$work/machines.yaml" --yes || return
  kbin_deployed=yes
}

# fresh_machines: machines and an operator that know of no cluster.
fresh_machines() {
  fresh_lab bench
  rm -rf "$KBIN_HOME"
  kbin_deployed=''
}

measure_deploy() {
  local run wall cpu kbin=() by_hand=()
  for ((run = 1; run <= runs; run++)); do
    fresh_machines
    deploy_by_hand "deploy-by-hand-$run.log" || wall=failed
    by_hand+=("$wall") && told 'by hand' "$run" "$wall" s
    fresh_machines
    deploy_kbin "deploy-kbin-$run.log" || wall=failed
    kbin+=("$wall") && told kbin "$run" "$wall" s
  done
  row 'deploy of three machines' s 'ratio <= 1.5' "${kbin[@]}" -- "${by_hand[@]}"
}

# sessions_of PID: how many sessions this machine's sshd has logged. Asked from outside, to be no session itself.
sessions_of() {
  nsenter --target "$1" --all sh -c 'journalctl --sync; journalctl --quiet --no-pager --output=cat --unit=ssh.service' |
    grep -c 'Starting session:' || true
}

# log_sessions PID: sshd mentions sessions only from this level on.
log_sessions() {
  nsenter --target "$1" --all sh -c \
    'echo "LogLevel VERBOSE" >/etc/ssh/sshd_config.d/00-bench.conf && systemctl reload ssh.service'
}

# A cluster that kbin deployed is there; the last run of `deploy` leaves one.
require_cluster() {
  local cpu wall
  [[ -z $kbin_deployed || $current_lab != bench ]] || return 0
  fresh_machines
  deploy_kbin second-first-deploy.log || complain 'the first deploy failed, so that there is no second.'
}

measure_second() {
  local run wall cpu machine pid pids=() before=() most count seconds=() execs=() changed
  require_cluster
  for machine in node-1 node-2 node-3; do
    pid=$(machine_pid bench "$machine")
    pids+=("$pid")
    log_sessions "$pid"
  done
  for ((run = 1; run <= runs; run++)); do
    before=() most=0
    for pid in "${pids[@]}"; do before+=("$(sessions_of "$pid")"); done
    timed "second-$run.log" "$short_seconds" bench node "$cli" deploy -i "$work/machines.yaml" --yes --json || wall=failed
    for machine in "${!pids[@]}"; do
      count=$(($(sessions_of "${pids[machine]}") - before[machine]))
      ((count <= most)) || most=$count
    done
    changed=$(event_field "$logs/second-$run.log" finished changed)
    [[ $changed == 0 ]] || { printf 'bench: the second deploy changed %s.\n' "${changed:-an unknown number of things}" >&2 && wall=failed; }
    # A run that logged no session at all was not counted, and proves nothing.
    ((most > 0)) || most=failed
    seconds+=("$wall") execs+=("$most")
    told kbin "$run" "$wall" "s, $most sessions on the machine with most"
  done
  row 'second deploy of three machines' s 'kbin <= 2' "${seconds[@]}" --
  row 'sessions on a host in a second deploy' '' 'kbin <= 2' "${execs[@]}" --
}

# event_field FILE TYPE FIELD prints a field of the last event of this type.
event_field() {
  node -e '
    const [file, type, field] = process.argv.slice(1);
    const lines = require("fs").readFileSync(file, "utf8").split("\n").filter((line) => line.startsWith("{"));
    console.log(lines.map((line) => JSON.parse(line)).filter((event) => event.type === type).at(-1)?.[field] ?? "");
  ' "$@"
}

require_hosts() {
  [[ $current_lab == bench-ssh ]] || fresh_lab bench-ssh --kind sshd --machines 100
  seq -f 'node-%.0f' 100 >"$work/hosts"
}

measure_fanout() {
  local run wall cpu start_up=() kbin=() by_hand=() own=() beyond
  require_hosts
  for ((run = 1; run <= runs; run++)); do
    timed "version-$run.log" "$short_seconds" bench-ssh node "$cli" --version || cpu=0
    start_up+=("$cpu")
    timed "fanout-ssh-$run.log" "$short_seconds" bench-ssh \
      xargs -a "$work/hosts" -P 30 -I HOST ssh -F "$(ssh_config bench-ssh)" -o BatchMode=yes HOST true || wall=failed
    by_hand+=("$wall") && told ssh "$run" "$wall" s
    beyond=failed
    if plan_hosts "fanout-kbin-$run.log"; then beyond=$(awk -v a="$cpu" -v b="${start_up[-1]}" 'BEGIN { printf "%.3f", a - b }'); else wall=failed; fi
    kbin+=("$wall") own+=("$beyond")
    told kbin "$run" "$wall" "s, own CPU time beyond start-up $beyond s"
  done
  row 'observe and plan of 100 hosts' s 'ratio < 1' "${kbin[@]}" -- "${by_hand[@]}"
  row "kbin's own CPU time at 100 hosts" s 'kbin <= 1' "${own[@]}" --
}

plan_hosts() { # LOG
  rm -rf "$KBIN_HOME"
  kbin_deployed=''
  timed "$1" "$short_seconds" bench-ssh node "$cli" plan -i "$work/hosts.yaml"
}

measure_memory() {
  local run wall cpu peak peaks=()
  require_hosts
  for ((run = 1; run <= runs; run++)); do
    : >"$work/peaks"
    if KBIN_BENCH_PEAKS=$work/peaks NODE_OPTIONS="--import=$parts/peak-memory.mjs" plan_hosts "memory-$run.log"; then
      peak=$(awk '{ sum += $1 } END { printf "%.1f", sum / 1e6 }' "$work/peaks")
    else
      peak=failed
    fi
    peaks+=("$peak") && told kbin "$run" "$peak" MB
  done
  row 'peak memory at 100 hosts' MB 'kbin <= 250' "${peaks[@]}" --
}

measure_push() {
  push_both 'push to three hosts' 'ratio >= 0.9'
  # New machines each time; the shape is the lab's, and goes with it.
  push_both 'push over 1 Gbit/s' 'ratio >= 2.5' 1gbit
}

# push_both NAME REACH [RATE]
push_both() {
  local name=$1 reach=$2 rate=${3-} run kbin=() by_hand=() speed bytes sent
  for ((run = 1; run <= runs; run++)); do
    pushed "push-by-hand${rate:+-$rate}-$run.log" "$rate" "$parts/push-by-hand" "$(ssh_config bench)" "$artifacts"
    by_hand+=("$speed") && told ssh "$run" "$speed" MB/s
    sent=$bytes
    pushed "push-kbin${rate:+-$rate}-$run.log" "$rate" node "$parts/push-kbin.mjs" "$work/machines.yaml"
    [[ $speed == failed || $bytes == "$sent" ]] || {
      printf 'bench: kbin sent %s bytes and ssh %s; mend the table in by-hand.d/push.sh.\n' "$bytes" "$sent" >&2
      speed=failed
    }
    kbin+=("$speed") && told kbin "$run" "$speed" MB/s
  done
  row "$name" MB/s "$reach" "${kbin[@]}" -- "${by_hand[@]}"
}

# pushed LOG RATE COMMAND…: sets bytes, and speed in MB/s, to what the command's last line says: BYTES SECONDS.
pushed() {
  local log=$1 rate=$2 wall cpu
  shift 2
  fresh_machines
  [[ -z $rate ]] || lab shape --name bench --rate "$rate" >/dev/null
  speed=failed bytes=0
  timed "$log" "$deploy_seconds" bench "$@" || return 0
  read -r bytes wall < <(tail -n 1 "$logs/$log")
  speed=$(awk -v bytes="$bytes" -v seconds="$wall" 'BEGIN { printf "%.1f", bytes / seconds / 1e6 }')
}
