# Timing of commands, and rows of results.
# shellcheck shell=bash disable=SC2154,SC2034

say() { printf '\n== %s\n' "$1"; }

# What must be there before anything is measured.
prepare() {
  "$repository/scripts/prepare"
  "$repository/scripts/binaries" >"$logs/binaries.log"
  node "$cli" cache import "$artifacts" >"$logs/import.log" || complain "the cache was not filled: $(tail -n 3 "$logs/import.log")"
  # Read once, so that no run is the one that reads the disk.
  find "$KBIN_CACHE" "$artifacts" -type f -exec cat {} + >/dev/null
  machines_inventory "$work/machines.yaml"
  hosts_inventory "$work/hosts.yaml"
  : >"$work/rows"
}

# timed LOG SECONDS LAB COMMAND…: runs it in the operator's namespace of the lab, or outside of all if LAB is `-`, and sets
# wall and cpu (user and system time of all its processes) to seconds. Fails as it does, or when its time is over.
timed() {
  local log=$logs/$1 limit=$2 within=(ip netns exec "kbin-$3") status=0 user system TIMEFORMAT='%R %U %S'
  [[ $3 != - ]] || within=()
  shift 3
  # What earlier runs wrote is not this one's to wait for.
  timeout 60 sync || true
  timeout --foreground --kill-after=10 "$limit" "${within[@]}" "$@" >"$log" 2>"$log.errors" &
  running=$!
  { time wait "$running"; } 2>"$log.time" || status=$?
  running=''
  read -r wall user system < <(tail -n 1 "$log.time")
  cpu=$(awk -v a="$user" -v b="$system" 'BEGIN { printf "%.3f", a + b }')
  ((status == 0)) || {
    printf 'bench: exit code %s after %s s. The last lines of %s:\n' "$status" "$wall" "$log"
    tail -q -n 12 "$log" "$log.errors"
  } >&2
  return "$status"
}

# row NAME UNIT REACH [VALUE-OF-KBIN…] -- [VALUE-BY-HAND…]. REACH is `ratio OPERATOR NUMBER`, `kbin OPERATOR NUMBER`,
# or `-` for what is only quoted; a run that failed has the value `failed`.
row() {
  local name=$1 unit=$2 reach=$3 kbin=() by_hand=()
  shift 3
  while [[ $1 != -- ]]; do kbin+=("$1") && shift; done
  shift
  by_hand=("$@")
  printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$unit" "$reach" "${kbin[*]}" "${by_hand[*]}" >>"$work/rows"
}

# told WHO RUN VALUE UNIT: progress of a long bench.
told() { printf '%-8s run %s: %s %s\n' "$@"; }
