import { KbinError } from '../../errors.ts';
import type { SftpOpener } from '../../model/ports.ts';
import type { SftpTarget } from '../../model/snapshot.ts';
import type { SnapshotTarget } from '../target.ts';
import { FileTarget } from './fileTarget.ts';

/** A folder of another machine, over one SFTP session. Rejects with CONNECT, RESOLVE, HOST_KEY, AUTH, INTERRUPTED. */
export async function sftpTarget(spec: SftpTarget, opener: SftpOpener, signal?: AbortSignal): Promise<SnapshotTarget> {
  const label = labelOf(spec);
  const files = await opener.open(spec, signal).catch((error: unknown) => {
    throw error instanceof KbinError && error.code === 'AUTH' ? denied(label, error) : error;
  });
  return new FileTarget({ label, folder: spec.path, files });
}

function labelOf({ host, port, user, path }: SftpTarget): string {
  const address = host.includes(':') ? `[${host}]` : host;
  return `sftp://${user}@${address}${port === 22 ? '' : `:${port}`}/${path}`;
}

/** The opener's hint speaks of hosts of the cluster. */
const denied = (label: string, { message, host, evidence, cause }: KbinError): KbinError =>
  new KbinError('AUTH', `${label}: ${message}`, {
    hint: 'Check user and identityFile of this target in etcd.snapshots.targets, and authorized_keys there.',
    ...(host === undefined ? {} : { host }),
    evidence,
    cause,
  });
