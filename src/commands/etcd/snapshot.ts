import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { etcdEndpoints } from '../../engine/etcdEndpoints.ts';
import { KbinError } from '../../errors.ts';
import { packSnapshot, storeSnapshot, type PackedSnapshot, type PackInput } from '../../etcd/store.ts';
import { snapshotSource, takeSnapshot, type TakenSnapshot } from '../../etcd/take.ts';
import { folderTarget } from '../../etcd/targets/folder.ts';
import { sha256 } from '../../model/digest.ts';
import type { Compression } from '../../model/snapshot.ts';
import { pkiFolder } from '../../paths.ts';
import type { Audience } from '../../pki/age.ts';
import { backUp } from '../../pki/backup.ts';
import { version } from '../../version.ts';
import { AUDIENCE_OPTIONS, audienceOf, hasAudience } from '../certs/audience.ts';
import { flag, list, text, type Command } from '../command.ts';
import { ledgerFile } from '../kubeconfig/cluster.ts';
import { withRun, type RunSession } from '../run.ts';
import { PASSPHRASE_VARIABLE } from '../unlock.ts';
import { ETCD_OPTIONS } from './ground.ts';
import { operatorsEtcd, spoolOf } from './programs.ts';

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

const COMPRESSIONS: readonly Compression[] = ['zstd', 'gzip', 'none'];

/** Stores it at every target. Throws the failure, or HOSTS with all of them; the others have it all the same. */
async function storeAt(session: RunSession, packed: PackedSnapshot, paths: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const path of paths) {
    const target = folderTarget({ kind: 'folder', name: path, path });
    try {
      await target.sweep();
      await storeSnapshot(target, packed);
      session.print(`${join(path, packed.manifest.stored.file)}: ${packed.manifest.stored.bytes} bytes, read back`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    } finally {
      await target.close();
    }
  }
  if (failures.length === 0) return;
  throw new KbinError('HOSTS', `${failures.length} of ${paths.length} targets do not have the snapshot`, {
    evidence: failures,
    hint: 'Mend them and take another one.',
  });
}

export const snapshot: Command = {
  usage: 'etcd snapshot',
  describe: 'take a snapshot of etcd, prove it, and store it at every target',
  options: {
    ...ETCD_OPTIONS,
    ...AUDIENCE_OPTIONS,
    to: { type: 'array', describe: 'folder of this machine; repeatable', required: true },
    compression: { type: 'string', describe: 'how it is stored', choices: COMPRESSIONS, default: 'zstd' },
  },
  run: (args) =>
    withRun(args, { command: 'etcd snapshot', screen: process.stderr }, async (session) => {
      const audience = hasAudience(args)
        ? await audienceOf(args, { question: 'Passphrase of the snapshot:', variable: PASSPHRASE_VARIABLE })
        : undefined;
      const taken = await take(session);
      const { name, revision, member } = taken.manifest;
      session.print(`revision ${revision} from ${member}, proved`);
      const pki = await packedStore(session, name, audience);
      const compression = COMPRESSIONS.find((word) => word === text(args, 'compression')) ?? 'none';
      const packed = await packSnapshot(taken, {
        spool: spoolOf(session.engine.inventory.cluster),
        compression,
        ...(audience === undefined ? {} : { audience }),
        ...(pki === undefined ? {} : { pki }),
      });
      try {
        await storeAt(session, packed, list(args, 'to'));
      } finally {
        await packed.dispose();
      }
      session.result = { changed: 1, failed: new Map() };
      const told = flag(args, 'json') ? JSON.stringify(packed.manifest) : packed.manifest.stored.file;
      process.stdout.write(`${told}\n`);
      return 0;
    }),
};
