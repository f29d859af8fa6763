import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import type { Output } from '../model/ports.ts';
import { hostPath, oneLine, runId } from './allowed.ts';
import { malformed, valuesOf } from './answer.ts';
import { EXITS } from './exits.ts';
import { shellQuote } from './quote.ts';
import { compact, PRELUDE } from './shell.ts';

export interface AcquireInput {
  cluster: string;
  /** Who wants it. */
  holder: string;
  /** Which machine that is on. */
  from: string;
  run: string;
  leaseSeconds: number;
}

export type Acquired =
  | { acquired: true; token: number }
  | {
      acquired: false;
      holder: string;
      from: string;
      /** ISO 8601, by the host's clock. */
      since: string;
      expiresInSeconds: number;
    };

/**
 * Every acquisition is a numbered file, made whole and then linked to its number, which only one process can do. The
 * highest number is the lock; it is never removed, so that numbers only grow. Its owner alone writes NUMBER.lease, the
 * second at which it expires, 0 when released. A holder whose lease is over is taken over by linking the next number.
 * Tokens grow too, and are at least the seconds of the clock: a host that is new to the cluster must not hand out
 * tokens that the others have long seen.
 */
const LOCK = compact(`
  umask 077
  lock=${hostPath(PLACES.lock)}
  mkdir -p -- "$lock" || exit ${EXITS.failed}
  find_newest() {
    newest=0
    for entry in "$lock"/*; do
      entry=\${entry##*/}
      case $entry in *[!0-9]*|'') continue;; esac
      if [ "$entry" -gt "$newest" ]; then newest=$entry; fi
    done
  }
  # Fails when a newer one has just replaced it.
  read_newest() {
    find_newest
    token=0 held_by= since=0 until=0 holder= from=
    if [ "$newest" = 0 ]; then return; fi
    {
      {
        read -r token && read -r held_by && read -r since && read -r until && IFS= read -r holder && IFS= read -r from
      } <"$lock/$newest" || return
      if [ -f "$lock/$newest.lease" ]; then read -r until <"$lock/$newest.lease" || return; fi
    } 2>/dev/null
  }
  # TOKEN NOW: the generation after newest, if nobody else makes it first.
  take() {
    next=$((newest + 1))
    new=$lock/.new.$$
    printf '%s\\n' "$1" "$run" "$2" $(($2 + lease)) "$my_holder" "$my_from" "$my_cluster" >"$new" || exit ${EXITS.failed}
    ln -- "$new" "$lock/$next" 2>/dev/null
    set -- $?
    rm -f -- "$new"
    if [ "$1" != 0 ]; then return 1; fi
    # Numbers below the newest are free again; one of those is worth nothing.
    find_newest
    if [ "$newest" = "$next" ]; then return 0; fi
    rm -f -- "$lock/$next"
    return 1
  }
  prune() {
    set --
    for entry in "$lock"/*; do
      number=\${entry##*/}
      number=\${number%.lease}
      case $number in *[!0-9]*|'') continue;; esac
      if [ "$number" -lt "$newest" ]; then set -- "$@" "$entry"; fi
    done
    if [ $# -gt 0 ]; then rm -f -- "$@"; fi
  }
  write_lease() {
    printf '%s\\n' "$1" >"$lock/.lease.$$" && mv -f -- "$lock/.lease.$$" "$lock/$newest.lease"
  }
  answer() {
    printf '%s\\n' "$@" %end
    exit 0
  }
`);

const ACQUIRE = compact(`
  attempt=0
  while [ $attempt -lt 30 ]; do
    attempt=$((attempt + 1))
    now=$(date +%s)
    read_newest || continue
    if [ "$until" -ge "$now" ]; then
      # The answer to the first try may have been lost.
      if [ "$held_by" = "$run" ]; then answer "acquired $token"; fi
      answer "held $since $until $now" "holder $holder" "from $from"
    fi
    token=$((token + 1))
    if [ "$token" -lt "$now" ]; then token=$now; fi
    if take "$token" "$now"; then
      prune
      answer "acquired $token"
    fi
  done
  echo 'too many are taking the lock at once' >&2
  exit ${EXITS.failed}
`);

/**
 * A taker waits until the lease is over by the same clock. So a lease that was still good after the new one had been
 * written cannot have been taken over. One that was over, and that nobody took, is taken again with the same token.
 */
const RENEW = compact(`
  my_holder= my_from= my_cluster=
  read_newest && [ "$held_by" = "$run" ] && [ "$until" != 0 ] || answer lost
  now=$(date +%s)
  if [ "$until" -lt "$now" ]; then
    my_holder=$holder my_from=$from
    take "$token" "$now" || answer lost
    prune
    answer renewed
  fi
  mine=$newest
  write_lease $((now + lease)) || exit ${EXITS.failed}
  now=$(date +%s)
  find_newest
  if [ "$newest" = "$mine" ] && [ "$now" -le "$until" ]; then answer renewed; fi
  answer lost
`);

const RELEASE = compact(`
  if read_newest && [ "$held_by" = "$run" ]; then write_lease 0 || exit ${EXITS.failed}; fi
  answer released
`);

const values = (rows: Readonly<Record<string, string>>): string =>
  Object.entries(rows)
    .map(([name, value]) => `${name}=${shellQuote(oneLine(value))}`)
    .join('\n');

/** Takes the lock on one host, or tells who has it. Taking it again with the same run gives the same token. */
export function acquireScript({ cluster, holder, from, run, leaseSeconds }: AcquireInput): string {
  const rows = { run: runId(run), lease: String(leaseSeconds), my_holder: holder, my_from: from, my_cluster: cluster };
  return [PRELUDE, values(rows), LOCK, ACQUIRE].join('\n');
}

/** Puts the lease off to `leaseSeconds` from now, if the run still holds the lock. */
export const renewScript = ({ run, leaseSeconds }: { run: string; leaseSeconds: number }): string =>
  [PRELUDE, values({ run: runId(run), lease: String(leaseSeconds) }), LOCK, RENEW].join('\n');

/** Gives the lock back if the run holds it. Its number stays. */
export const releaseScript = ({ run }: { run: string }): string =>
  [PRELUDE, values({ run: runId(run) }), LOCK, RELEASE].join('\n');

function answerLines({ stdout, stderr, exitCode }: Output): string[] {
  const lines = stdout.split('\n').slice(0, -1);
  if (exitCode === 0 && lines.at(-1) === '%end') return lines.slice(0, -1);
  const said = stderr.trim().split('\n');
  throw new KbinError('STEP', `the lock script ended with ${exitCode}: ${said.at(-1) ?? ''}`, {
    evidence: said.slice(-5),
  });
}

/** Throws STEP when the script failed or its answer is not whole. */
export function parseAcquire(output: Output): Acquired {
  const lines = answerLines(output);
  const token = /^acquired (\d+)$/.exec(lines[0] ?? '')?.[1];
  if (token !== undefined) return { acquired: true, token: Number(token) };
  const [, since, until, now] =
    /^held (\d+) (\d+) (\d+)$/.exec(lines[0] ?? '') ?? malformed('held or acquired', lines[0]);
  return {
    acquired: false,
    holder: valuesOf(lines, 'holder')[0] ?? '',
    from: valuesOf(lines, 'from')[0] ?? '',
    since: new Date(Number(since) * 1000).toISOString(),
    expiresInSeconds: Math.max(0, Number(until) - Number(now)),
  };
}

/** False when another run has the lock. Throws STEP when the script failed or its answer is not whole. */
export function parseRenew(output: Output): { renewed: boolean } {
  const [word] = answerLines(output);
  if (word !== 'renewed' && word !== 'lost') malformed('renewed or lost', word);
  return { renewed: word === 'renewed' };
}
