import { spawn } from 'node:child_process';
import { KbinError } from '../errors.ts';
import { LocalError } from './localError.ts';
import { field, parseJson, textAt } from '../engine/httpJson.ts';

/** It reads the whole file twice. */
const STATUS_SECONDS = 1800;
const MAX_OUTPUT = 64 * 1024;

/** What etcdutl says of a snapshot. */
export interface SnapshotStatus {
  /** crc32 of all its buckets, 8 hex digits. Only the same snapshot has the same. */
  hash: string;
  /** Of the newest key; that of the store can be higher after a compaction (`revisionOf`). */
  revision: number;
  /** Keys that exist in it. */
  keys: number;
  /** Of the database, without the trailer. */
  databaseBytes: number;
  /** Of its storage, such as 3.6.0; absent for one of an older etcd. */
  version?: string;
}

interface Ended {
  /** null when a signal ended it. */
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

function run(program: string, args: readonly string[], signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] = (said[name] + text).slice(-MAX_OUTPUT);
      });
    }
    const end = (): void => void child.kill('SIGKILL');
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    child.once('error', (cause) => {
      const hint = 'See that this machine may execute files there, or set KBIN_HOME to a folder where it may.';
      reject(new LocalError(`${program} cannot be started on this machine`, { hint, cause }));
    });
    child.once('close', (exitCode) => {
      signal.removeEventListener('abort', end);
      resolve({ exitCode, ...said });
    });
  });
}

/**
 * Opens a snapshot with the real etcdutl on this machine: every page, every key. It does not look at the trailer
 * (REFERENCE 4): see `proveFile`.
 *
 * @throws KbinError STEP with etcdutl's own words when it does not read the file; TIMEOUT; INTERRUPTED; LocalError when it cannot be started.
 */
export async function snapshotStatus(
  program: string,
  file: string,
  { timeoutSeconds = STATUS_SECONDS, signal }: { timeoutSeconds?: number; signal?: AbortSignal } = {},
): Promise<SnapshotStatus> {
  const limit = AbortSignal.timeout(timeoutSeconds * 1000);
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  const ended = await run(program, ['snapshot', 'status', file, '-w', 'json'], either);
  const evidence = ended.stderr.trim().split('\n').slice(-10);
  if (signal?.aborted === true) throw new KbinError('INTERRUPTED', `interrupted: etcdutl did not read all of ${file}`);
  if (limit.aborted)
    throw new KbinError('TIMEOUT', `etcdutl did not read ${file} within ${timeoutSeconds} s`, { evidence });
  const said = parseJson(ended.stdout);
  const hash = field(said, 'hash');
  if (ended.exitCode !== 0 || typeof hash !== 'number') {
    throw new KbinError('STEP', `etcdutl does not read ${file}: exit code ${ended.exitCode ?? 'of a signal'}`, {
      evidence,
      hint: 'The database of the member that it is of is damaged, or this etcdutl is older than it: use another snapshot.',
    });
  }
  const version = textAt(said, 'version');
  return {
    hash: hash.toString(16).padStart(8, '0'),
    revision: Number(textAt(said, 'revision')),
    keys: Number(textAt(said, 'totalKey')),
    databaseBytes: Number(textAt(said, 'totalSize')),
    ...(version === '' ? {} : { version }),
  };
}
