# Names, paths, messages, the lock of a lab, and processes remembered by id and start time.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

readonly state_base=/run/kbin-lab
readonly data_base=/var/lib/kbin-lab
readonly cache_base=${KBIN_LAB_CACHE:-/var/cache/kbin-lab}
readonly wait_seconds=${KBIN_LAB_WAIT_SECONDS:-120}
readonly data_files=${lab_parts%/scripts/lab.d}/test/lab

say() { printf '%s: %s\n' "$lab" "$*"; }
die() { printf 'lab %s: %s\n' "$lab" "$*" >&2; exit 1; }
usage_error() { printf 'lab: %s\nTry: scripts/lab --help\n' "$*" >&2; exit 2; }

# Sets every path that depends on the lab's name.
choose_lab() {
  lab=$1
  [[ $lab =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
    usage_error "\"$lab\" cannot name a lab. Write small letters, digits and dashes, at most 32."
  state=$state_base/$lab
  data=$data_base/$lab
  operator=kbin-$lab
  read_kind
}

machine_number() { REPLY=${1#node-}; }

is_machine() { [[ $1 =~ ^node-[1-9][0-9]*$ && -d $data/$1 ]]; }

require_machine() {
  is_machine "$1" || die "there is no machine \"$1\". This lab has: $(machines | tr '\n' ' ')"
}

# machines: the lab's machines in order, one a line.
machines() {
  [[ -d $data ]] || return 0
  find "$data" -mindepth 1 -maxdepth 1 -type d -name 'node-*' -printf '%f\n' | sort -t- -k2n
}

# read_kind sets lab_kind to machine or sshd, or to nothing if there is no such lab.
read_kind() {
  lab_kind=
  { read -r lab_kind <"$data/kind"; } 2>/dev/null || true
}

require_lab() { [[ -n $lab_kind ]] || die "is not there. Run: scripts/lab up --name $lab"; }

# name_some NAME…: the names, or of many only how many.
name_some() { if (($# > 8)); then printf '%s machines' $#; else printf '%s' "$*"; fi; }

# set_address N sets REPLY to the address of node-N: 10.77.0.11 to 10.77.0.210, then 250 in each of 10.77.1, 10.77.2…
set_address() {
  local n=$1
  if ((n <= 200)); then
    REPLY=10.77.0.$((10 + n))
  else
    REPLY=10.77.$((1 + (n - 201) / 250)).$((1 + (n - 201) % 250))
  fi
}

# set_mac N sets REPLY to the hardware address of node-N, the same at every boot, as a real card's is.
set_mac() { printf -v REPLY '02:77:00:00:%02x:%02x' $(($1 / 256)) $(($1 % 256)); }

# lock_lab holds the lab's lock on descriptor 9 until unlock_lab or the end of the program.
lock_lab() {
  while :; do
    mkdir -p -m 0700 "$state_base" "$data_base"
    { exec 9>"$state_base/$lab.lock"; } 2>/dev/null || continue
    flock 9
    # `down` removes the file while holding it; whoever waited meanwhile has the lock of nothing.
    [[ ! "$state_base/$lab.lock" -ef /proc/self/fd/9 ]] || return 0
  done
}

unlock_lab() { exec 9>&-; }

# set_start_time PID sets REPLY to the kernel's start time of a living process, in clock ticks since boot; fails if it
# is gone or a zombie (field 22 of /proc/PID/stat, proc_pid_stat(5)).
set_start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] || return 1
  REPLY=${fields[19]}
}

# record FILE PID remembers a process so that a reused id, or another boot of the box, is never mistaken for it.
record() {
  local boot
  read -r boot </proc/sys/kernel/random/boot_id
  set_start_time "$2" || return 1
  printf '%s %s %s\n' "$2" "$REPLY" "$boot" >"$1.new"
  mv -f "$1.new" "$1"
}

# set_recorded FILE sets REPLY to the recorded process's id if that very process still lives, else fails.
set_recorded() {
  local pid started boot now
  { read -r pid started boot <"$1"; } 2>/dev/null || return 1
  read -r now </proc/sys/kernel/random/boot_id
  [[ $boot == "$now" ]] && set_start_time "$pid" && [[ $REPLY == "$started" ]] || return 1
  REPLY=$pid
}

# descendants PID…: the ids, their children and theirs, one a line.
descendants() {
  local pid children
  for pid in "$@"; do
    printf '%s\n' "$pid"
    { read -ra children <"/proc/$pid/task/$pid/children"; } 2>/dev/null || true
    ((${#children[@]} == 0)) || descendants "${children[@]}"
    children=()
  done
}

# wait_until SECONDS COMMAND…: polls until the command succeeds; fails when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# set_elapsed MICROSECONDS sets REPLY to the time since then, such as "2.8 s".
set_elapsed() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - $1) / 100000))
  REPLY="$((tenths / 10)).$((tenths % 10)) s"
}
