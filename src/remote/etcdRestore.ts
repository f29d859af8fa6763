import { PLACES } from '../catalog/places.ts';
import type { Output } from '../model/ports.ts';
import { valuesOf } from './answer.ts';
import { hostPath, oneLine, ownerName, runId, unitName } from './allowed.ts';
import { EXITS } from './exits.ts';
import { shellQuote, shellWords } from './quote.ts';
import { compact, HASH, PRELUDE } from './shell.ts';

/**
 * What a restore of etcd does to one member's host. Everything lies inside the data directory, which may be a mount or a
 * link: so what is there changes places by renames of one filesystem. Below `.kbin-restore/RUN`: `snapshot.db`; `new`,
 * what etcdutl made of it; `old`, the member that was there; the files `swapped` and `ended` say how far it is. Each
 * script may be run again after any kill.
 */
export const RESTORES = `${PLACES.etcdData}/.kbin-restore`;

const restoring = hostPath(PLACES.restoring);

const placeOf = (run: string): string => hostPath(`${RESTORES}/${runId(run)}`);

const RESTORE = compact(`
  exec 3>&1 1>&2
  umask 077
  set -u
  data=${hostPath(PLACES.etcdData)}
  say() { printf '%s\\n' "$1" >&3; }
  give_up() {
    echo "$2" >&2
    exit "$1"
  }
  # A member that runs writes into what would be moved away below it.
  assert_stopped() {
    case $(systemctl show -p ActiveState -- etcd.service) in
    *=inactive|*=failed) ;;
    *) give_up ${EXITS.failed} 'etcd.service is not stopped';;
    esac
  }
  flush() { sync -- "$@"; }
`);

const scriptOf = (run: string, work: string): string =>
  [PRELUDE, RESTORE, `place=${shellQuote(placeOf(run))}`, compact(work)].join('\n');

/** Keeps deploys away until the restore of this id, or what takes it back, has ended. */
const mark = `
  printf '%s\\n' "\${place##*/}" >${restoring} && flush ${restoring} || give_up ${EXITS.failed} '${restoring} cannot be written'
`;

/** For taking back a restore that had ended. */
export const markRestoringScript = (run: string): string => scriptOf(run, `${mark}\nsay marked`);

/** Takes a database on standard input, or finds it there already. Exits with `corrupt` when it is another one. */
export const placeSnapshotScript = ({ run, sha256 }: { run: string; sha256: string }): string =>
  scriptOf(
    run,
    `
    ${HASH}
    is_right() { case $(hash_of "$1") in ${shellQuote(sha256)}*) return 0;; *) return 1;; esac; }
    mkdir -p -- "$place" || give_up ${EXITS.failed} "$place cannot be made"
    ${mark}
    if [ -f "$place/snapshot.db" ] && is_right "$place/snapshot.db"; then
      say present
      exit 0
    fi
    cat >"$place/.part" || give_up ${EXITS.failed} "$place cannot be written"
    is_right "$place/.part" || give_up ${EXITS.corrupt} 'the snapshot did not arrive whole'
    mv -fT -- "$place/.part" "$place/snapshot.db" && flush "$place/snapshot.db" "$place" && say placed
  `,
  );

export interface MemberRestore {
  run: string;
  /** Its own name and the URL at which the others find it. */
  name: string;
  peerUrl: string;
  /** All members, `NAME=URL,…`. */
  initialCluster: string;
  /** Another one than before: members of the old cluster must not be talked to. */
  token: string;
  /** Added to the revision, so that no client sees one go backwards (REFERENCE 4). */
  bumpRevision: number;
  /** Whom the data belongs to, `user:group`. */
  owner: string;
  etcdutl: string;
}

/** Makes the new member's data beside the old one's. Nothing that etcd uses is touched. */
export const unpackSnapshotScript = (member: MemberRestore): string =>
  scriptOf(
    member.run,
    `
    if [ -d "$place/new" ] || [ -e "$place/swapped" ]; then
      say present
      exit 0
    fi
    rm -rf -- "$place/.new"
    ${shellQuote(hostPath(member.etcdutl))} snapshot restore "$place/snapshot.db" --data-dir "$place/.new" ${shellWords(
      [
        '--name',
        oneLine(member.name),
        '--initial-advertise-peer-urls',
        oneLine(member.peerUrl),
        '--initial-cluster',
        oneLine(member.initialCluster),
        '--initial-cluster-token',
        oneLine(member.token),
        '--bump-revision',
        String(member.bumpRevision),
        '--mark-compacted',
      ],
    )} || give_up ${EXITS.failed} 'etcdutl could not restore it'
    chown -R -- ${shellQuote(ownerName(member.owner))} "$place/.new" && sync -f -- "$place/.new" && mv -T -- "$place/.new" "$place/new" &&
      flush "$place" && say unpacked
  `,
  );

/** Stops units and keeps a boot from starting them again; says which still run. */
export const stopUnitsScript = (units: readonly string[]): string =>
  [
    PRELUDE,
    compact(`
    exec 3>&1 1>&2
    set -- ${shellWords(units.map(unitName))}
    systemctl disable --no-reload -- "$@"
    systemctl stop -- "$@"
    for unit do
      case $(systemctl show -p ActiveState -- "$unit") in
      *=inactive|*=failed) ;;
      *)
        echo "$unit does not stop" >&2
        exit ${EXITS.failed}
        ;;
      esac
    done
    echo stopped >&3
  `),
  ].join('\n');

/**
 * Starts units for good. `queue` does not wait: a member of etcd is ready only when the others are. `restart` does, since
 * the old process goes on answering for a while and a gate would take it for the new one.
 */
export const startUnitsScript = (units: readonly string[], how: 'queue' | 'restart'): string =>
  [
    PRELUDE,
    compact(`
    exec 3>&1 1>&2
    set -- ${shellWords(units.map(unitName))}
    systemctl enable -- "$@" || exit ${EXITS.failed}
    systemctl reset-failed -- "$@" 2>/dev/null
    systemctl ${how === 'queue' ? 'start --no-block' : 'restart'} -- "$@" || exit ${EXITS.failed}
    echo started >&3
  `),
  ].join('\n');

/** The new member takes the old one's place. */
export const swapMemberScript = (run: string): string =>
  scriptOf(
    run,
    `
    assert_stopped
    if [ -e "$place/swapped" ]; then
      say present
      exit 0
    fi
    [ -d "$place/new" ] || give_up ${EXITS.failed} "nothing was unpacked in $place"
    mkdir -p -- "$place/old" && flush "$place" || give_up ${EXITS.failed} "$place cannot be written"
    # Each name tells whether its move was made, so that a kill between any two of them is no harm.
    if [ -e "$data/member" ] && [ -d "$place/new/member" ] && [ ! -e "$place/old/member" ]; then
      mv -T -- "$data/member" "$place/old/member" || give_up ${EXITS.failed} 'the old member cannot be moved'
    fi
    if [ ! -e "$data/member" ]; then
      mv -T -- "$place/new/member" "$data/member" || give_up ${EXITS.failed} 'the new member cannot be moved'
    fi
    : >"$place/swapped"
    flush "$place/swapped" "$place/old" "$place/new" "$place" "$data" && say swapped
  `,
  );

/** The old member takes its place again, and what was restored is kept aside in `undone`. */
export const undoSwapScript = (run: string): string =>
  scriptOf(
    run,
    `
    assert_stopped
    mkdir -p -- "$place/undone" && flush "$place" || give_up ${EXITS.failed} "$place cannot be written"
    if [ -e "$data/member" ] && [ -e "$place/old/member" ] && [ ! -e "$place/undone/member" ]; then
      mv -T -- "$data/member" "$place/undone/member" || give_up ${EXITS.failed} 'the restored member cannot be moved'
    fi
    if [ ! -e "$data/member" ] && [ -e "$place/old/member" ]; then
      mv -T -- "$place/old/member" "$data/member" || give_up ${EXITS.failed} 'the old member cannot be moved'
    fi
    rm -f -- "$place/swapped"
    : >"$place/ended"
    flush "$place/ended" "$place" "$data" && rm -f -- ${restoring} && say undone
  `,
  );

/** A restore that has ended keeps the old member; copies of the snapshot go. */
export const endRestoreScript = (run: string): string =>
  scriptOf(
    run,
    `
    : >"$place/ended" && flush "$place/ended" "$place" || give_up ${EXITS.failed} "$place cannot be written"
    rm -f -- ${restoring}
    rm -rf -- "$place/snapshot.db" "$place/.part" "$place/.new" "$place/new"
    say ended
  `,
  );

/** How far restores on a host are, how large its member is and what is free. */
export const lookAtRestoresScript = (): string =>
  [
    PRELUDE,
    RESTORE,
    compact(`
    for place in ${hostPath(RESTORES)}/*; do
      if [ ! -d "$place" ]; then continue; fi
      is() { if [ -e "$place/$1" ]; then printf ' %s' "$1"; fi; }
      say "restore \${place##*/}$(is snapshot.db)$(is new)$(is old)$(is swapped)$(is ended)"
    done
    say "free $(stat -f -c '%a %S' -- "$data" 2>/dev/null)"
    if [ -d "$data/member" ]; then say "member $(du -sk -- "$data/member" | { read -r size rest; echo "$size"; })"; fi
    say %end
  `),
  ].join('\n');

export interface RestoreState {
  run: string;
  isUnpacked: boolean;
  isSwapped: boolean;
  /** Done or undone. */
  isEnded: boolean;
  /** The member that was there before lies aside. */
  hasOld: boolean;
}

export interface RestoresFacts {
  restores: RestoreState[];
  freeBytes: number;
  /** Size of the member's data; absent on a host that has none. */
  memberBytes?: number;
  truncated: boolean;
}

export function parseRestores({ stdout }: Output): RestoresFacts {
  const lines = stdout.split('\n').slice(0, -1);
  const restores = valuesOf(lines, 'restore').map((text): RestoreState => {
    const [run = '', ...marks] = text.split(' ');
    const has = (mark: string): boolean => marks.includes(mark);
    return { run, isUnpacked: has('new'), isSwapped: has('swapped'), isEnded: has('ended'), hasOld: has('old') };
  });
  const [blocks = 0, size = 0] = (valuesOf(lines, 'free')[0] ?? '').split(' ').map(Number);
  const [kilobytes] = valuesOf(lines, 'member');
  return {
    restores,
    freeBytes: blocks * size,
    ...(kilobytes === undefined ? {} : { memberBytes: Number(kilobytes) * 1024 }),
    truncated: lines.at(-1) !== '%end',
  };
}
