import { homedir } from 'node:os';
import type { SFTPWrapper } from 'ssh2';
import { KbinError } from '../errors.ts';
import type { Files, SftpOpener } from '../model/ports.ts';
import type { SftpTarget } from '../model/snapshot.ts';
import { bounded } from './bounded.ts';
import { type ConnectorOptions, ssh2World } from './connector.ts';
import type { Lease } from './lease.ts';
import { route } from './route.ts';
import { SftpCalls } from './sftpCalls.ts';
import { SftpFiles } from './sftpFiles.ts';
import { type Destination, logInSsh2 } from './ssh2.ts';

const CONNECT_SECONDS = 30;
const KEEPALIVE_SECONDS = 15;

/** Opens SFTP sessions over connections of their own, with the same host keys, keys, agent and errors as those to hosts. */
export function createSftpOpener(options: ConnectorOptions = {}): SftpOpener {
  const { home = homedir() } = options;
  const world = ssh2World(options);
  return {
    open: async (target, signal) => {
      const destination = destinationOf(target);
      const lease = await logInSsh2(world, destination, { route: route(destination, undefined, home), signal });
      try {
        return await openSession(lease, target, signal);
      } catch (error) {
        lease.release();
        throw error;
      }
    },
  };
}

/** Nothing of the inventory's section ssh but host keys: the cluster's passwords are nobody else's. */
const destinationOf = ({ name, host, port, user, identityFile, hostKeys, knownHosts }: SftpTarget): Destination => ({
  name,
  sshAddress: host,
  ssh: {
    transport: 'ssh2',
    user,
    port,
    keys: identityFile === undefined ? [] : [identityFile],
    agent: true,
    bastions: [],
    become: { method: 'none' },
    hostKeys,
    knownHosts,
    connectSeconds: CONNECT_SECONDS,
    commandSeconds: CONNECT_SECONDS,
    keepaliveSeconds: KEEPALIVE_SECONDS,
  },
});

async function openSession({ client, release }: Lease, target: SftpTarget, signal?: AbortSignal): Promise<Files> {
  const where = `${target.user}@${target.host} port ${target.port}`;
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const opening = new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, sftp) => (error === undefined ? resolve(sftp) : reject(noSubsystem(where, target, error))));
  });
  const sftp = await bounded(opening, {
    withinMs: CONNECT_SECONDS * 1000,
    signal,
    late: () => noSubsystem(where, target, new Error(`no answer within ${CONNECT_SECONDS} s`)),
  });
  return new SftpFiles(new SftpCalls(sftp, where), () => {
    release();
    return closed;
  });
}

const noSubsystem = (where: string, { name }: SftpTarget, cause: Error): KbinError =>
  new KbinError('CONNECT', `${where} opens no SFTP session.`, {
    host: name,
    hint: 'Check Subsystem sftp in its sshd_config, and that the user may use it.',
    evidence: [cause.message],
    cause,
  });
