import type { Clock, SftpOpener } from '../../model/ports.ts';
import type { TargetSpec } from '../../model/snapshot.ts';
import type { SnapshotTarget } from '../target.ts';
import { folderTarget } from './folder.ts';
import { sftpTarget } from './sftp.ts';

export interface TargetWorld {
  sftp: SftpOpener;
  clock: Pick<Clock, 'now'>;
  signal?: AbortSignal | undefined;
}

/**
 * Opens a target; SFTP connects at once, the others when they are used. Rejects with CONNECT, RESOLVE, HOST_KEY, AUTH,
 * STEP, INTERRUPTED. What is open is to be closed.
 */
export async function openTarget(spec: TargetSpec, { sftp, clock, signal }: TargetWorld): Promise<SnapshotTarget> {
  if (spec.kind === 'folder') return folderTarget(spec);
  if (spec.kind === 'sftp') return sftpTarget(spec, sftp, signal);
  // A tenth of a second to load, which no other command should pay for.
  const { s3Target } = await import('./s3.ts');
  return s3Target(spec, clock);
}
