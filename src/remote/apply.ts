import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { PLACES } from '../catalog/places.ts';
import { KbinError } from '../errors.ts';
import { sha256 } from '../model/digest.ts';
import type { Owned } from '../model/facts.ts';
import type { Step } from '../model/plan.ts';
import { fencingToken, hostPath, oneLine, runId, unitName } from './allowed.ts';
import { APPLY_FILES } from './applyFiles.ts';
import { APPLY_OWNED, APPLY_PLACES } from './applyPlaces.ts';
import { APPLY_PROTOCOL, DROP } from './applyProtocol.ts';
import { APPLY_STAMPS } from './applyStamps.ts';
import { stepLines, type ApplyBody } from './applySteps.ts';
import { APPLY_SYSTEM } from './applySystem.ts';
import { EXITS } from './exits.ts';
import { shellQuote, shellWords } from './quote.ts';
import { compact, PRELUDE } from './shell.ts';

export type { ApplyBody } from './applySteps.ts';
export { parseApply, type ApplyFailure, type ApplyResult } from './applied.ts';

/** What one exec does to one host. */
export interface ApplyInput {
  host: string;
  /** Id of the run. */
  run: string;
  /** Fencing token of the cluster lock. */
  token: number;
  /** Everything that kbin has or is about to have on the host. Written before anything else. */
  owned: Owned;
  /** In this order. `binary` steps are left out: uploads do them. */
  steps: readonly Step[];
  bodies: ReadonlyMap<string, ApplyBody>;
  /** Stamp of each unit step (unitStamp). */
  stamps: ReadonlyMap<string, string>;
  /**
   * Units whose stamps go before the first file, pair or link is renamed or removed; without steps they go at once. After
   * a `+` only what the stamp says of inputs that the unit reads again.
   */
  unsettles: readonly string[];
  /** Where the inventory puts links to programs; default /usr/local/bin. */
  binDir?: string;
}

const fence = hostPath(PLACES.fence);
const staging = hostPath(PLACES.staging);

/**
 * Makes the fence and a fresh directory for the archive, named by the run and the process. A staging directory whose process is gone is what a crash
 * left: its staged files and its secrets go first.
 */
const UNPACK = compact(`
  umask 077
  refuse() {
    echo "$1" >&2
    printf 'fail %s setup\\n%%end\\n' "\${2-failed}"
    if [ "\${2-}" = stale ]; then exit ${EXITS.stale}; fi
    exit ${EXITS.failed}
  }
  for dir in ${hostPath(PLACES.kbin)} ${staging} ${fence}; do
    if [ -h "$dir" ]; then refuse "$dir is a symbolic link"; fi
    if [ ! -d "$dir" ]; then mkdir -p -- "$dir" || refuse "$dir cannot be made"; fi
    if [ ! -O "$dir" ]; then refuse "$dir belongs to another user"; fi
  done
  older() {
    for entry in ${fence}/*; do
      entry=\${entry##*/}
      case $entry in *[!0-9]*|'') continue;; esac
      if [ "$entry" -gt "$token" ]; then refuse "token $token is older than $entry" stale; fi
      if [ "$entry" -lt "$token" ]; then rmdir -- "${fence}/$entry" 2>/dev/null; fi
    done
  }
  if [ ! -d "${fence}/$token" ]; then
    older
    mkdir -p -- "${fence}/$token" || refuse "${fence} cannot be written"
  fi
  older
  ${DROP}
  read -r boot </proc/sys/kernel/random/boot_id
  for old in ${staging}/*; do
    # Other applies come and go meanwhile: what cannot be read is theirs.
    if ! { [ -f "$old/owner" ] && read -r pid its_boot <"$old/owner"; } 2>/dev/null; then continue; fi
    if [ "$its_boot" = "$boot" ] && [ "$pid" != $$ ] && kill -0 "$pid" 2>/dev/null; then continue; fi
    if [ -s "$old/batch" ]; then drop "$old/batch"; fi
    rm -rf -- "$old"
  done
  here=${staging}/$run-$$
  mkdir -- "$here" || refuse '${staging} cannot be written'
  printf '%s %s\\n' "$$" "$boot" >"$here/owner"
  if ! tar -xzof - -C "$here"; then
    rm -rf -- "$here"
    refuse 'the archive did not arrive whole'
  fi
  exec sh "$here/apply.sh" "$here" "$token"
`);

const doubtedName = (word: string): string => (word.startsWith('+') ? `+${unitName(word.slice(1))}` : unitName(word));

interface ArchiveFile {
  name: string;
  content: Buffer;
}

async function archive(files: readonly ArchiveFile[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, content } of files) tar.entry({ name, mode: 0o600, mtime: new Date(0) }, content);
  tar.finalize();
  return gzipSync(await buffer(tar));
}

/**
 * The script of one apply, which holds no secret and is the same for all hosts but for run and token, and the archive
 * for its standard input: apply.sh and the bodies. Throws REFUSED for steps that belong elsewhere and for names that
 * must not reach a shell.
 */
export async function applyPayload(input: ApplyInput): Promise<{ script: string; input: Buffer }> {
  const { host, run, token, owned, bodies, stamps, unsettles, binDir = '/usr/local/bin' } = input;
  const steps = input.steps.filter((step) => step.action.do !== 'binary');
  const foreign = steps.find((step) => step.host !== host);
  if (foreign !== undefined) throw new KbinError('REFUSED', `${foreign.id} is a step of ${foreign.host}, not ${host}`);
  const files: ArchiveFile[] = [];
  const attach = (content: Buffer): string => {
    const name = `body${files.length}`;
    files.push({ name, content });
    return name;
  };
  const ownedBody = Buffer.from(`${JSON.stringify(owned)}\n`);
  const lines = [
    shellWords(['keep_owned', attach(ownedBody), sha256(ownedBody)]),
    ...(unsettles.length > 0 ? [shellWords(['unsettles', ...unsettles.map(doubtedName)])] : []),
    ...(steps.length === 0 ? ['unsettle || fail failed'] : []),
    ...stepLines(steps, { owned, bodies, stamps, binDir, attach }),
    'finish_reload',
    "say '%end'",
  ];
  const library = [APPLY_PROTOCOL, APPLY_STAMPS, APPLY_PLACES, APPLY_FILES, APPLY_OWNED, APPLY_SYSTEM];
  const script = [...library, ...lines, ''].join('\n');
  files.push({ name: 'apply.sh', content: Buffer.from(script) });
  const header = `run=${shellQuote(runId(oneLine(run)))} token=${fencingToken(token)}`;
  return { script: `${PRELUDE}\n${header}\n${UNPACK}\n`, input: await archive(files) };
}
