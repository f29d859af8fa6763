import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { compact } from './shell.ts';

const started = hostPath(PLACES.started);

/** Functions of apply.sh that take stamps back. */
export const APPLY_STAMPS = compact(`
  # UNIT…: nothing says any more what they were started with, only that they were: etcd is known to be formed by that.
  # Of +UNIT only what it reads again is unknown.
  doubt() {
    doubted=
    for unit do
      known=
      case $unit in +*) unit=\${unit#+} known=1;; esac
      if [ ! -s "${started}/$unit" ]; then continue; fi
      if [ -n "$known" ] && read -r known rest <"${started}/$unit"; then known="$known "; fi
      printf '%sunknown\\n' "$known" >"${started}/$unit" || return
      doubted=$doubted${started}/$unit$newline
    done
  }
  # UNIT…: they run with what this script changes. Whoever edited a file by hand may have restarted its unit with it, and
  # then the old stamp fits the file that is put right: with the first change, and not before it, such stamps go.
  unsettles() { unsettled=$*; }
  unsettle() {
    if [ -z "$unsettled" ]; then return; fi
    set -f
    set -- $unsettled
    set +f
    unsettled=
    doubt "$@" && flush "$doubted"
  }
`);
