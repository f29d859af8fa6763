import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { DROP } from './applyProtocol.ts';
import { compact } from './shell.ts';

/**
 * Files, certificate pairs and links. Everything is made beside its target first; `commit` verifies all of it with one
 * sha256sum, flushes it with one sync, and only then renames. `batch` has four lines for each: step, staged, target and
 * where the previous generation goes; it is written before the staged file, so that the next run finds what a crash left.
 */
const STAGING = compact(`
  beside() { staged=\${1%/*}/.\${1##*/}.$id; }
  note() { printf '%s\\n' "$ends$step" "$staged" "$1" "$2" >>"$here/batch"; }
  ${DROP}
  discard() {
    if [ -s "$here/batch" ]; then drop "$here/batch"; fi
  }
  # ENDS STEP COMMAND…: 0 for the files of a pair, whose step is done when its link is switched.
  stage() {
    ends=$1 step=$2
    shift 2
    fence
    "$@" || fail failed
  }
  digest() {
    now=$(sha256sum <"$1") || return
    now=\${now%% *}
  }
  look() {
    if [ -h "$1" ]; then now=link
    elif [ -f "$1" ]; then digest "$1"
    elif [ -e "$1" ]; then now=other
    else now=absent
    fi
  }
  # BODY TARGET SHA256 MASK MODE OWNER SAVED EXPECT
  file() {
    look "$2" || return
    staged=
    if [ "$now" = "$3" ]; then
      note "$2" ''
      chown -- "$6" "$2" && chmod -- "$5" "$2"
      return
    fi
    if [ -n "$8" ] && [ "$now" != "$8" ]; then
      echo "$2 changed since planning: expected $8, found $now" >&2
      fail drift
    fi
    parents "\${2%/*}" || return
    beside "$2"
    note "$2" "$7"
    umask "$4"
    set -C
    cat -- "$here/$1" >"$staged"
    set -- "$?" "$@"
    set +C
    umask 077
    [ "$1" = 0 ] || return
    printf '%s  %s\\n' "$4" "$staged" >>"$here/sums"
    printf '%s\\n' "$step" >>"$here/summed"
    case $6 in 0[0246][0246][0246]) ;; *) chmod -- "$6" "$staged";; esac
  }
  own() {
    step=$1 owner=$2
    shift 2
    for target do
      shift
      beside "$target"
      if [ -e "$staged" ]; then set -- "$@" "$staged"; fi
    done
    if [ $# -gt 0 ]; then chown -- "$owner" "$@" || fail failed; fi
  }
  # TARGET TEXT
  link() {
    staged=
    if [ -h "$1" ]; then
      now=$(readlink -- "$1") || return
      if [ "$now" = "$2" ]; then
        note "$1" ''
        return
      fi
    fi
    parents "\${1%/*}" || return
    beside "$1"
    note "$1" ''
    ln -s -- "$2" "$staged"
  }
  # LINK CONTENT: the generation before stays; when it is not known, all do.
  pair() {
    kept="$kept|.$2|"
    if [ -h "$1" ]; then
      now=$(readlink -- "$1") || return
      if [ "$now" = "$2" ]; then kept="$kept|\${1##*/} stays|"; else kept="$kept|.$now|" replaced=$replaced.$now$newline; fi
    fi
    link "$1" "$2"
  }
  # Programs watch the files behind the link: only what happens to the old ones tells them that there are new ones.
  wake() {
    set -f
    IFS=$newline
    set -- $replaced
    unset IFS
    set +f
    replaced=
    for old do
      for file in "$old/tls.crt" "$old/tls.key"; do
        if [ -f "$file" ]; then cp -p -- "$file" "$old/.again" && mv -f -- "$old/.again" "$file"; fi
      done
    done
  }
  retire() {
    wake || echo 'programs may not have noticed their new certificates' >&2
    case $kept in *"|$2 stays|"*) return;; esac
    prune "$1" "$2" || echo "old generations of $2 are still in $1" >&2
  }
`);

const COMMIT = compact(`
  verify() {
    sha256sum -c "$here/sums" >"$here/verdicts" 2>/dev/null && return
    while IFS= read -r name && IFS= read -r verdict <&4; do
      case $verdict in
      *': OK') ;;
      *)
        step=$name
        echo "what was written is not what was sent: $verdict" >&2
        break
        ;;
      esac
    done <"$here/summed" 4<"$here/verdicts"
    return 1
  }
  flush() {
    set -f
    IFS=$newline
    set -- $1
    unset IFS
    set +f
    if [ $# -gt 0 ]; then sync -- "$@"; fi
  }
  settled_dir() {
    case "$newline$dirs" in *"$newline$1$newline"*) ;; *) dirs=$dirs$1$newline;; esac
  }
  previous() {
    if [ ! -f "$1" ] || [ -h "$1" ]; then return; fi
    mkdir -p -- ${hostPath(PLACES.previous)} && cp -f -- "$1" "$here/previous" && mv -f -- "$here/previous" "$2"
  }
  move() {
    fence
    unsettle || return
    if [ -n "$3" ]; then previous "$2" "$3" || return; fi
    if ! mv -fT -- "$1" "$2"; then
      # busybox does not replace a link to a directory.
      if [ -h "$2" ]; then rm -f -- "$2" && mv -fT -- "$1" "$2"; else false; fi || return
    fi
    case $2 in ${hostPath(PLACES.units)}/*) reload=1;; esac
    if [ -e ./sys/fs/selinux/enforce ] && command -v restorecon >/dev/null; then restorecon -- "$2"; fi
    settled_dir "\${2%/*}"
  }
  commit() {
    [ -s "$here/batch" ] || return 0
    if [ -s "$here/sums" ]; then
      verify || fail failed
      files=
      while IFS= read -r line; do files=$files\${line#*  }$newline; done <"$here/sums"
      flush "$files" || fail failed
    fi
    dirs=
    while IFS= read -r step && IFS= read -r staged && IFS= read -r target && IFS= read -r saved; do
      ends=\${step%"\${step#?}"} step=\${step#?}
      if [ -n "$staged" ]; then move "$staged" "$target" "$saved" || fail failed; fi
      if [ "$ends" = 1 ]; then finished="\${finished}done $step$newline"; fi
    done <"$here/batch"
    flush "$dirs" || fail failed
    settle
    rm -f -- "$here/batch" "$here/sums" "$here/summed"
  }
`);

/** Functions of apply.sh for files, pairs and links. */
export const APPLY_FILES = `${STAGING}\n${COMMIT}`;
