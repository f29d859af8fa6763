import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { compact } from './shell.ts';

/** Directories, users, and what is taken away. */
export const APPLY_PLACES = compact(`
  parents() {
    [ -d "$1" ] && return
    umask 022
    mkdir -p -- "$1"
    set -- $?
    umask 077
    return $1
  }
  directory() {
    if [ ! -d "$1" ]; then
      parents "\${1%/*}" && mkdir -m "$2" -- "$1" || return
      if [ "$3" = root:root ] && [ -O "$1" ] && [ -G "$1" ]; then return; fi
    fi
    chown -- "$3" "$1" && chmod -- "$2" "$1"
  }
  has_user() {
    while IFS=: read -r name rest; do
      if [ "$name" = "$1" ]; then return 0; fi
    done <./etc/passwd
    return 1
  }
  user() {
    has_user "$1" && return
    shell=/bin/false
    for candidate in ./sbin/nologin ./usr/sbin/nologin; do
      if [ -x "$candidate" ]; then shell=\${candidate#.}; fi
    done
    if command -v useradd >/dev/null; then
      useradd --system --user-group --no-create-home --home-dir "$2" --shell "$shell" -- "$1" && return
      # It is known to a directory service, or only its group exists.
      id -u -- "$1" >/dev/null && return
      useradd --system --gid "$1" --no-create-home --home-dir "$2" --shell "$shell" -- "$1"
      return
    fi
    adduser -S -D -H -h "$2" -s "$shell" "$1"
  }
  # The link of a certificate pair goes with the keys that it has pointed to.
  remove() {
    unsettle || return
    case $1 in ${hostPath(PLACES.units)}/*) reload=1;; esac
    if [ -h "$1" ]; then
      target=$(readlink -- "$1")
      case $target in
      */.pairs/"\${1##*/}".????????????????) prune ".\${target%/*}" "\${1##*/}" || return;;
      esac
      rm -f -- "$1"
    elif [ -d "$1" ]; then
      rmdir -- "$1" || echo "$1 is kept: it is not empty" >&2
    else
      rm -f -- "$1"
    fi
  }
  prune() {
    for entry in "$1/$2".????????????????; do
      case \${entry##*.} in *[!0-9a-f]*) continue;; esac
      case $kept in *"|$entry|"*) continue;; esac
      rm -rf -- "$entry" || return
    done
  }
`);

/** The list of what is kbin's. */
export const APPLY_OWNED = compact(`
  # BODY SHA256: the list grows before anything is written, so that a crash leaves nothing that is not on it.
  keep_owned() {
    step=owned staged=
    fence
    owned=${hostPath(PLACES.owned)}
    look "$owned" && [ "$now" = "$2" ] && return
    beside "$owned"
    note "$owned" ''
    if cat -- "$here/$1" >"$staged" && sync -- "$staged" && mv -fT -- "$staged" "$owned" && sync -- ${hostPath(PLACES.kbin)}; then
      rm -f -- "$here/batch"
    else
      fail failed
    fi
  }
`);
