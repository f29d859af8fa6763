import { spawnSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { etcdEndpoints } from '../../engine/etcdEndpoints.ts';
import { KbinError } from '../../errors.ts';
import { packSnapshot, storeSnapshot, type PackedSnapshot, type PackInput } from '../../etcd/store.ts';
import { snapshotSource, takeSnapshot, type TakenSnapshot } from '../../etcd/take.ts';
import { sha256 } from '../../model/digest.ts';
import type { Compression, TargetSpec } from '../../model/snapshot.ts';
import { pkiFolder } from '../../paths.ts';
import type { Audience } from '../../pki/age.ts';
import { backUp } from '../../pki/backup.ts';
import { version } from '../../version.ts';
import { AUDIENCE_OPTIONS, audienceOf, hasAudience } from '../certs/audience.ts';
import { flag, text, type Arguments, type Command } from '../command.ts';
import { ledgerFile } from '../kubeconfig/cluster.ts';
import { withRun, type RunSession } from '../run.ts';
import { PASSPHRASE_VARIABLE } from '../unlock.ts';
import { ETCD_OPTIONS } from './ground.ts';
import { operatorsEtcd, spoolOf } from './programs.ts';
import { pruneAll } from './prune.ts';
import { assertDone, atEach, chosenTargets, TARGET_OPTION, type AtTarget } from './targets.ts';

async function take(session: RunSession): Promise<TakenSnapshot> {
  const { engine, fleet } = session;
  const { inventory, pki, clock, signal } = engine;
  const id = await pki.clusterId();
  if (id === null)
    throw new KbinError('PKI', `the certificate store of ${inventory.cluster} is empty`, {
      hint: 'Put it back from a backup: without its CAs a snapshot of this cluster would be worth little.',
    });
  const endpoints = await etcdEndpoints({ inventory, fleet, pki });
  return takeSnapshot({
    sources: endpoints.map(snapshotSource),
    cluster: { name: inventory.cluster, id },
    versions: { kubernetes: inventory.versions.kubernetes, kbin: version },
    spool: spoolOf(inventory.cluster),
    etcdutl: (wanted) => operatorsEtcd(session, 'etcdutl', wanted),
    clock,
    signal,
    warn: (message) => {
      engine.emit({ type: 'warning', message, at: clock.now() });
    },
  });
}

/** The certificate store as one encrypted file beside the snapshot; nothing where nobody is named who could open it. */
async function packedStore(
  { engine }: RunSession,
  name: string,
  audience: Audience | undefined,
): Promise<PackInput['pki']> {
  if (audience === undefined) return undefined;
  const { cluster } = engine.inventory;
  const places = { pki: pkiFolder(cluster), ledger: ledgerFile(cluster) };
  const { bytes } = await backUp(places, { cluster, kbin: version, now: engine.clock.now() }, audience);
  const path = join(spoolOf(cluster), `${name}.pki.age`);
  await writeFile(path, bytes, { mode: 0o600 });
  return { path, bytes: bytes.length, sha256: sha256(bytes) };
}

const COMPRESSIONS: readonly (Compression | 'auto')[] = ['auto', 'zstd', 'gzip', 'none'];

/** `auto` is what this machine can. */
function compressionOf({ engine }: RunSession, args: Arguments): Compression {
  const asked = COMPRESSIONS.find((word) => word === text(args, 'compression'));
  const wanted = asked ?? engine.inventory.etcd.snapshots.compression;
  if (wanted !== 'auto') return wanted;
  return spawnSync('zstd', ['--version'], { stdio: 'ignore' }).status === 0 ? 'zstd' : 'gzip';
}

/** Whom everything is encrypted for: the options say, or else the inventory. */
async function audienceFor({ engine }: RunSession, args: Arguments): Promise<Audience | undefined> {
  if (hasAudience(args))
    return audienceOf(args, { question: 'Passphrase of the snapshot:', variable: PASSPHRASE_VARIABLE });
  const { recipients } = engine.inventory.etcd.snapshots;
  return recipients.length === 0 ? undefined : { recipients };
}

/** Only after all targets have the new one. */
async function pruneAfter(session: RunSession, targets: readonly TargetSpec[]): Promise<void> {
  const { reports, done } = await pruneAll(session, targets, false);
  for (const { target, snapshots } of reports)
    session.print(
      `${target}: ${snapshots.filter(({ isRemoved }) => isRemoved).length} removed, ${snapshots.filter(({ isKept }) => isKept).length} kept`,
    );
  assertDone(done, 'were not pruned');
}

async function pack(
  session: RunSession,
  taken: TakenSnapshot,
  { audience, compression }: { audience: Audience | undefined; compression: Compression },
): Promise<PackedSnapshot> {
  const pki = await packedStore(session, taken.manifest.name, audience);
  return packSnapshot(taken, {
    spool: spoolOf(session.engine.inventory.cluster),
    compression,
    ...(audience === undefined ? {} : { audience }),
    ...(pki === undefined ? {} : { pki }),
  });
}

const storeAt = (session: RunSession, targets: readonly TargetSpec[], packed: PackedSnapshot): Promise<AtTarget[]> =>
  atEach(session, targets, async (target) => {
    await storeSnapshot(target, packed);
    const { file, bytes } = packed.manifest.stored;
    session.print(`${target.label}: ${file}, ${bytes} bytes, read back`);
  });

export const snapshot: Command = {
  usage: 'etcd snapshot',
  describe: 'take a snapshot of etcd, prove it, and store it at every target',
  options: {
    ...ETCD_OPTIONS,
    ...AUDIENCE_OPTIONS,
    ...TARGET_OPTION,
    compression: { type: 'string', describe: 'how it is stored; as the inventory says without', choices: COMPRESSIONS },
    prune: { type: 'boolean', describe: 'then remove what no rule of the inventory keeps', default: false },
  },
  run: (args) =>
    withRun(args, { command: 'etcd snapshot', screen: process.stderr }, async (session) => {
      const targets = chosenTargets(session, args);
      const audience = await audienceFor(session, args);
      const taken = await take(session);
      const { revision, member } = taken.manifest;
      session.print(`revision ${revision} from ${member}, proved`);
      let packed: PackedSnapshot | undefined;
      let done: AtTarget[];
      try {
        packed = await pack(session, taken, { audience, compression: compressionOf(session, args) });
        done = await storeAt(session, targets, packed);
      } finally {
        // Whatever happened, the plain database does not stay on this machine.
        await rm(taken.path, { force: true });
        await packed?.dispose();
      }
      assertDone(done, 'do not have the snapshot');
      if (flag(args, 'prune')) await pruneAfter(session, targets);
      session.result = { changed: 1, failed: new Map() };
      const told = flag(args, 'json') ? JSON.stringify(packed.manifest) : packed.manifest.stored.file;
      process.stdout.write(`${told}\n`);
      return 0;
    }),
};
