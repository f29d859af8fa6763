import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { EXITS } from './exits.ts';
import { compact } from './shell.ts';

/** drop BATCH: removes what was staged and not renamed. */
export const DROP = compact(`
  drop() {
    while IFS= read -r name && IFS= read -r staged && IFS= read -r target && IFS= read -r saved; do
      if [ -n "$staged" ]; then rm -f -- "$staged"; fi
    done <"$1"
  }
`);

/**
 * What apply.sh starts with: answers on descriptor 3, everything that tools print on standard error. `here` is the
 * directory that the archive was unpacked into, `id` its name, `token` the fencing token, `step` the step at work.
 */
export const APPLY_PROTOCOL = compact(`
  exec 3>&1 1>&2 </dev/null
  umask 077
  set -u
  here=$1 id=\${1##*/} token=$2 step= ends=1 reload=0 dirs= finished= kept= replaced= unsettled=
  newline='
'
  trap 'rm -rf -- "$here"' EXIT
  trap 'fail failed' HUP INT TERM
  trap 'discard; exit 141' PIPE
  say() { printf '%s\\n' "$1" >&3; }
  settle() {
    printf '%s' "$finished" >&3
    finished=
  }
  fail() {
    settle
    discard
    say "fail $1 $step"
    say '%end'
    case $1 in drift) exit ${EXITS.drift};; stale) exit ${EXITS.stale};; *) exit ${EXITS.failed};; esac
  }
  # A run that was taken over must not go on: looked at again before every change.
  fence() {
    for entry in ${hostPath(PLACES.fence)}/*; do
      entry=\${entry##*/}
      case $entry in *[!0-9]*|'') continue;; esac
      if [ "$entry" -gt "$token" ]; then fail stale; fi
    done
  }
  run() {
    step=$1
    shift
    fence
    "$@" || fail failed
    say "done $step"
  }
`);
