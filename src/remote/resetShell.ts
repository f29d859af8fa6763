import { compact } from './shell.ts';

const ANSWERS = compact(`
  exec 3>&1 1>&2 </dev/null
  set -u
  failures=0
  newline='
'
  say() { printf '%s\\n' "$1" >&3; }
  failed() {
    failures=$((failures + 1))
    say "failed $1"
    echo "$1" >&2
  }
`);

const UNITS = compact(`
  stop_units() {
    systemctl stop -- "$@"
    systemctl disable --no-reload -- "$@"
    for unit do
      case $(systemctl show -p ActiveState -- "$unit") in
      *=inactive|*=failed) ;;
      *) failed "$unit does not stop";;
      esac
    done
  }
  reload() {
    systemctl daemon-reload || failed 'systemctl daemon-reload'
    systemctl reset-failed
  }
`);

/** containerd's unit has KillMode=process: shims and containers outlive it. New ones can appear while others end. */
const CONTAINERS = compact(`
  kill_group() {
    if [ ! -d "$1" ]; then return; fi
    if [ -f "$1/cgroup.procs" ]; then
      while read -r pid; do
        alive=1
        kill -9 "$pid"
      done <"$1/cgroup.procs"
    fi
    for child in "$1"/*/; do kill_group "\${child%/}"; done
  }
  end_containers() {
    for pass in 1 2 3 4 5; do
      alive=0
      for group in ./sys/fs/cgroup ./sys/fs/cgroup/systemd; do
        for name in kubepods.slice kubepods system.slice/containerd.service; do
          kill_group "$group/$name"
        done
      done 2>/dev/null
      if [ $alive = 0 ]; then return; fi
    done
  }
`);

const MOUNTS = compact(`
  # PLACE…: sets found to the mounts strictly below them, latest first.
  mounts_below() {
    found=
    for place do
      place=$(cd "$place" 2>/dev/null && pwd -P) || continue
      while read -r device point rest; do
        case $point in *\\\\*) point=$(printf '%b' "$point");; esac
        case $point in "$place"/*) found=$point$newline$found;; esac
      done </proc/self/mounts
    done
  }
  unmount_below() {
    mounts_below "$@"
    IFS=$newline
    set -f
    set -- $found
    unset IFS
    set +f
    for point do
      umount -- "$point" || umount -l -- "$point" || failed "$point cannot be unmounted"
    done
  }
`);

const PATHS = compact(`
  is_empty() {
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$entry" ] || [ -h "$entry" ]; then return 1; fi
    done
  }
  # What a run was writing beside it (NAME, id of the run, process) when the power failed: its own list of these may not
  # have reached the disk.
  remove_staged() {
    for staged in "\${1%/*}/.\${1##*/}".[0-9]*T[0-9]*-*-[0-9]*; do
      if [ -f "$staged" ] || [ -h "$staged" ]; then rm -f -- "$staged" || failed "$staged cannot be removed"; fi
    done
  }
  remove_path() {
    remove_staged "$1"
    if [ ! -e "$1" ] && [ ! -h "$1" ]; then return; fi
    if [ -d "$1" ] && [ ! -h "$1" ]; then
      if rmdir -- "$1" 2>/dev/null; then say "removed $1"; else say "kept $1"; fi
    elif rm -f -- "$1"; then
      say "removed $1"
    else
      failed "$1 cannot be removed"
    fi
  }
  # Removal never reaches into a mount: volumes are other people's.
  remove_tree() {
    if [ ! -d "$1" ]; then
      remove_path "$1"
      return
    fi
    mounts_below "$1"
    if [ -n "$found" ]; then
      failed "$1 has mounts below it"
    elif [ -h "$1" ]; then
      # It was put on another disk.
      rm -rf -- "$1"/* "$1"/.[!.]* "$1"/..?*
      remove_path "$1"
    elif rm -rf -- "$1"; then
      say "removed $1"
    elif is_empty "$1"; then
      say "kept $1"
    else
      failed "$1 cannot be removed"
    fi
  }
`);

const NETWORK = compact(`
  # KUBE_PROXY, or nothing
  forget_services() {
    if [ -n "$1" ] && [ -x "$1" ]; then "$1" --cleanup; fi
    if command -v nft >/dev/null; then
      for family in ip ip6; do nft delete table "$family" kube-proxy; done 2>/dev/null
    fi
  }
  forget_namespaces() {
    for namespace in ./run/netns/cni-*; do
      if [ ! -e "$namespace" ]; then continue; fi
      umount -- "$namespace"
      rm -f -- "$namespace" || failed "$namespace cannot be removed"
    done
  }
  forget_links() {
    for name do
      if [ -e "./sys/class/net/$name" ]; then ip link delete "$name" || failed "interface $name"; fi
    done
  }
  # A table is replaced at once, with the rules of others in it.
  forget_chains() {
    for family in iptables ip6tables; do
      if ! command -v "$family-save" >/dev/null; then continue; fi
      rules=$("$family-save")
      case $rules in *KUBE-*|*CNI-HOSTPORT-*|*FLANNEL-*) ;; *) continue;; esac
      printf '%s\\n' "$rules" | grep -v -E 'KUBE-|CNI-(HOSTPORT|DN|SN)-|FLANNEL-' | "$family-restore" ||
        failed "$family rules"
    done
  }
`);

/** Functions of the reset script. Answers go to descriptor 3, what tools print to standard error. */
export const RESET_FUNCTIONS = [ANSWERS, UNITS, CONTAINERS, MOUNTS, PATHS, NETWORK].join('\n');
