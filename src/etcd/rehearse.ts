import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { membersIn, revisionIn, statusIn, type EtcdStatus } from '../engine/etcdAnswers.ts';
import { ETCD } from '../engine/etcdGateway.ts';
import { field, objectsAt, parseJson, textAt } from '../engine/httpJson.ts';
import { KbinError } from '../errors.ts';
import type { Json } from '../model/inventory.ts';
import type { Clock } from '../model/ports.ts';
import { revisionOf } from './snapshotFile.ts';

export interface Rehearsal {
  /** At which it went on, and the same as in the file. */
  revision: number;
  /** Keys that exist, all of which were read. */
  keys: number;
  /** crc32 of all keys up to the revision, as `etcdctl endpoint hashkv` prints it. */
  hashKv: number;
  /** How many objects of each kind Kubernetes has in it, by resource, the group before a slash. */
  kinds: Record<string, number>;
  /** Until it led, from the start of the restore. */
  seconds: number;
}

export interface RehearseInput {
  /** A database as etcd sent it, which was proved. */
  path: string;
  /** Programs that run on this machine. */
  programs: { etcd: string; etcdutl: string };
  /** Folder in which a throw-away one is made. */
  spool: string;
  clock: Clock;
}

const RESTORE_SECONDS = 1800;
/** A database of some GiB is read once before etcd answers. */
const START_SECONDS = 300;
const STOP_SECONDS = 20;
const ASK_SECONDS = 60;
const PAGE = 500;
const PAUSE_MILLISECONDS = 100;
/** Sockets in the throw-away folder: nobody else on this machine can reach what is in the snapshot. */
const CLIENT = 'localhost:1';
const PEER = 'localhost:2';

/** A program with the last of what it printed. */
class Program {
  readonly child: ChildProcess;
  #said = '';

  constructor(path: string, args: readonly string[], cwd: string) {
    this.child = spawn(path, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], env: {} });
    this.child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-8192)));
    this.child.on('error', (error) => (this.#said += `\n${error.message}`));
  }

  get evidence(): string[] {
    return this.#said.trim().split('\n').slice(-8);
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  /** Waits for its end; true when it was a good one. Killed after the limit. */
  async end(withinSeconds: number): Promise<boolean> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), withinSeconds * 1000);
    if (!this.hasEnded) await once(this.child, 'close');
    clearTimeout(timer);
    return this.child.exitCode === 0;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    await this.end(STOP_SECONDS);
  }
}

/** Asks the JSON gateway on the socket. Rejects while nobody listens. */
function ask(folder: string, path: string, body: object): Promise<Json> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: join(folder, CLIENT), path, method: 'POST', timeout: ASK_SECONDS * 1000 },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(parseJson(text));
          else reject(new KbinError('STEP', `the throw-away etcd answers ${answer.statusCode ?? 0} for ${path}`));
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new KbinError('TIMEOUT', `the throw-away etcd does not answer ${path}`)));
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}

/** Waits until it leads. Throws STEP when it ends first, TIMEOUT. */
async function untilItLeads(folder: string, etcd: Program, clock: Clock): Promise<EtcdStatus> {
  const deadline = clock.monotonic() + START_SECONDS * 1000;
  while (!etcd.hasEnded && clock.monotonic() < deadline) {
    const status = await ask(folder, ETCD.status, {}).then(statusIn, () => undefined);
    if (status !== undefined && status.leader !== '' && status.leader === status.memberId) return status;
    await clock.pause(PAUSE_MILLISECONDS);
  }
  const [code, what] = etcd.hasEnded ? (['STEP', 'ended'] as const) : (['TIMEOUT', 'did not lead'] as const);
  throw new KbinError(code, `an etcd with this snapshot ${what} instead of serving it`, {
    evidence: etcd.evidence,
    hint: 'The snapshot cannot be used with this version of etcd: take another one, or look at the lines above.',
  });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Resource of a key of Kubernetes, the group before a slash where there is one; '' for a key of somebody else. */
export function kindOf(key: string): string {
  const [, prefix, first = '', second = ''] = key.split('/');
  if (prefix !== 'registry') return '';
  return first.includes('.') && second !== '' ? `${first}/${second}` : first;
}

/** Reads every key, and counts them by kind. */
async function readAll(folder: string): Promise<{ keys: number; kinds: Record<string, number> }> {
  const kinds = new Map<string, number>();
  let keys = 0;
  // From the first key to the end of all.
  for (let from = '\0'; ;) {
    const body = { key: base64(from), range_end: 'AA==', limit: String(PAGE), keys_only: true };
    const page = await ask(folder, ETCD.range, body);
    const found = objectsAt(page, 'kvs').map((entry) => Buffer.from(textAt(entry, 'key'), 'base64').toString('latin1'));
    for (const key of found) kinds.set(kindOf(key), (kinds.get(kindOf(key)) ?? 0) + 1);
    keys += found.length;
    const last = found.at(-1);
    if (field(page, 'more') !== true || last === undefined) break;
    from = `${last}\0`;
  }
  return { keys, kinds: Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function restored(path: string, folder: string, etcdutl: string): Program {
  const member = ['--name', 'rehearsal', '--initial-cluster', `rehearsal=unix://${PEER}`];
  const urls = ['--initial-advertise-peer-urls', `unix://${PEER}`, '--initial-cluster-token', 'rehearsal'];
  return new Program(etcdutl, ['snapshot', 'restore', path, '--data-dir', 'data', ...member, ...urls], folder);
}

const started = (folder: string, etcd: string): Program =>
  new Program(
    etcd,
    [
      ...['--name', 'rehearsal', '--data-dir', 'data', '--log-level', 'error'],
      ...['--listen-client-urls', `unix://${CLIENT}`, '--advertise-client-urls', `unix://${CLIENT}`],
      ...['--listen-peer-urls', `unix://${PEER}`, '--initial-advertise-peer-urls', `unix://${PEER}`],
      ...['--initial-cluster', `rehearsal=unix://${PEER}`, '--initial-cluster-token', 'rehearsal'],
    ],
    folder,
  );

/**
 * Proves a snapshot in a throw-away etcd on this machine: restores it with etcdutl, starts it, reads every key, compares
 * the revision, and removes all of it again.
 * @throws KbinError STEP with what etcdutl or etcd said when it cannot be used, TIMEOUT.
 */
export async function rehearse({ path, programs, spool, clock }: RehearseInput): Promise<Rehearsal> {
  const begun = clock.monotonic();
  const folder = await mkdtemp(join(spool, '.rehearsal-'));
  let etcd: Program | undefined;
  try {
    const restore = restored(path, folder, programs.etcdutl);
    if (!(await restore.end(RESTORE_SECONDS)))
      throw new KbinError('STEP', `etcdutl cannot restore ${path}`, {
        evidence: restore.evidence,
        hint: 'Use another snapshot.',
      });
    etcd = started(folder, programs.etcd);
    const status = await untilItLeads(folder, etcd, clock);
    const seconds = (clock.monotonic() - begun) / 1000;
    const [wanted, members] = [await revisionOf(path), membersIn(await ask(folder, ETCD.members, {}))];
    if (status.revision !== wanted || members.length !== 1)
      throw new KbinError(
        'STEP',
        `an etcd with this snapshot is at revision ${status.revision}, the file at ${wanted}`,
        {
          hint: 'Use another snapshot.',
        },
      );
    const read = await readAll(folder);
    const hashed = await ask(folder, ETCD.hashKv, { revision: String(status.revision) });
    return { revision: revisionIn(hashed), ...read, hashKv: Number(textAt(hashed, 'hash')), seconds };
  } finally {
    await etcd?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
