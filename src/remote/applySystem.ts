import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { compact } from './shell.ts';

const started = hostPath(PLACES.started);

/** Journal lines that come with a unit that did not start. */
const JOURNAL_LINES = 20;

const UNITS = compact(`
  # STEP UNIT…: once for new unit files of this run, or when an earlier run died before it got here.
  reload_units() {
    step=$1
    shift
    if [ "$reload" = 0 ]; then
      case $(systemctl show -p NeedDaemonReload -- "$@") in *=yes*) reload=1;; esac
    fi
    finish_reload
  }
  finish_reload() {
    if [ "$reload" = 0 ]; then return; fi
    systemctl daemon-reload || fail failed
    reload=0
  }
  evidence() {
    journalctl -u "$1" -n ${JOURNAL_LINES} --no-pager -q -o short-iso 2>/dev/null | while IFS= read -r line; do
      say "journal $line"
    done
  }
  systemctl_verb() {
    if [ "$3" = queued ]; then systemctl "$2" --no-block -- "$1"; else systemctl "$2" -- "$1"; fi
  }
  enable() { systemctl enable --no-reload -- "$1"; }
  # UNIT VERB READY|QUEUED STAMP
  start() {
    mkdir -p -- ${started} || return
    if [ "$2" = reload ]; then doubt "+$1"; else doubt "$1"; fi || return
    # Otherwise a unit that has failed too often is refused.
    systemctl reset-failed -- "$1" 2>/dev/null
    if ! systemctl_verb "$1" "$2" "$3"; then
      evidence "$1"
      return 1
    fi
    printf '%s\\n' "$4" >"${started}/$1"
  }
  start_enabled() {
    enable "$1" && start "$@"
  }
  stop() {
    systemctl stop -- "$1"
    systemctl disable --no-reload -- "$1"
    case $(systemctl show -p ActiveState -- "$1") in
    *=inactive|*=failed) rm -f -- "${started}/$1";;
    *) return 1;;
    esac
  }
`);

const IMAGES = compact(`
  # CTR ARCHIVE REFERENCE
  image() {
    "$1" --connect-timeout 10s -n k8s.io images import "$2" || return
    case "$newline$("$1" -n k8s.io images list -q)$newline" in
    *"$newline$3$newline"*) rm -f -- "$2";;
    *)
      echo "the archive holds no image $3" >&2
      return 1
      ;;
    esac
  }
`);

const KERNEL = compact(`
  # NAME PATTERN …: a module that is part of the kernel cannot be loaded and need not be.
  load_modules() {
    # Without /proc/modules the kernel loads none: what it can do is part of it.
    if [ ! -e ./proc/modules ]; then return; fi
    missing=
    release=
    { read -r release <./proc/sys/kernel/osrelease; } 2>/dev/null
    while [ $# -gt 0 ]; do
      if [ ! -d "./sys/module/$1" ] && ! modprobe -- "$1" &&
        ! grep -q -s -E "$2" ./proc/filesystems "./lib/modules/$release/modules.builtin"; then
        missing="$missing $1"
      fi
      shift 2
    done
    if [ -z "$missing" ]; then return; fi
    echo "cannot be loaded:$missing" >&2
    return 1
  }
  words() {
    set -f
    set -- $1
    set +f
    plain=$*
  }
  read_sysctl() {
    now=
    read -r now <"$1"
    words "$now"
  }
  # PATH VALUE …: one that is right is not written, since in containers it cannot be.
  set_sysctls() {
    refused=
    while [ $# -gt 0 ]; do
      read_sysctl "$1"
      if [ "$plain" != "$2" ]; then
        printf '%s\\n' "$2" >"$1"
        read_sysctl "$1"
        if [ "$plain" != "$2" ]; then refused="$refused \${1#./proc/sys/}"; fi
      fi
      shift 2
    done 2>/dev/null
    if [ -z "$refused" ]; then return; fi
    echo "the kernel refuses:$refused" >&2
    return 1
  }
`);

const SWAP = compact(`
  # SAVED: the lines stay, as comments.
  edit_fstab() {
    if [ ! -f ./etc/fstab ]; then return; fi
    beside ./etc/fstab
    ends=0
    note ./etc/fstab "$1"
    changed=0
    umask 022
    while IFS= read -r line || [ -n "$line" ]; do
      set -f
      set -- $line
      set +f
      case \${1-} in
      ''|'#'*) ;;
      *)
        if [ "\${3-}" = swap ]; then
          line="# kbin: $line"
          changed=1
        fi
        ;;
      esac
      printf '%s\\n' "$line" || return
    done <./etc/fstab >"$staged"
    umask 077
    if [ "$changed" = 0 ]; then
      rm -f -- "$staged" "$here/batch"
    else
      sync -- "$staged" && keep_step commit
    fi
  }
  keep_step() {
    before=$step
    "$@"
    step=$before
  }
  mask_swap_units() {
    units=$({
      systemctl list-units --type=swap --all --plain --no-legend
      systemctl list-unit-files --type=swap --no-legend
    } | while read -r unit rest; do printf '%s\\n' "$unit"; done)
    set -f
    set -- $units
    set +f
    if [ $# -gt 0 ]; then systemctl mask -- "$@" || return; fi
    for unit in zramswap.service zram-config.service; do
      for place in ./etc ./lib ./usr/lib; do
        if [ -e "$place/systemd/system/$unit" ]; then systemctl disable --now -- "$unit" && break; fi
      done
    done
    return 0
  }
  # SAVED: an empty file hides the one of the distribution.
  empty_zram_generator() {
    config=./etc/systemd/zram-generator.conf
    if [ ! -s "$config" ] && [ ! -e ./usr/lib/systemd/zram-generator.conf ]; then return; fi
    previous "$config" "$1" && printf '' >"$config"
  }
  # SAVED_FSTAB SAVED_ZRAM
  swap_off() {
    swapoff -a && edit_fstab "$1" && mask_swap_units && empty_zram_generator "$2"
  }
`);

/** Functions of apply.sh for units, images and the kernel. */
export const APPLY_SYSTEM = [UNITS, IMAGES, KERNEL, SWAP].join('\n');
