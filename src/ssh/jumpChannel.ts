import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { KbinError } from '../errors.ts';
import { type Attempted, timedOut, unreachable } from './connectFault.ts';
import { AttemptFailed } from './retry.ts';

/** Reason of RFC 4254, 5.1: the jump host could not connect. Others mean that it does not want to. */
const CONNECT_FAILED = 2;

export interface JumpTarget {
  address: string;
  port: number;
  withinMs: number;
}

/** A TCP stream through a jump host, which also resolves the name. Rejects with AttemptFailed. */
export function jumpChannel(client: Client, target: JumpTarget, { host, where }: Attempted): Promise<Duplex> {
  const attempted: Attempted = { host, where, stage: 'tcp' };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut(attempted)), target.withinMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      const reason = 'reason' in error ? error.reason : undefined;
      if (reason === undefined || reason === CONNECT_FAILED) reject(unreachable(attempted, error));
      else reject(forbidden(attempted, error));
    };
    try {
      client.forwardOut('127.0.0.1', 0, target.address, target.port, (error, channel) => {
        if (error !== undefined) return fail(error);
        clearTimeout(timer);
        channel.on('error', () => undefined);
        resolve(channel);
      });
    } catch (error) {
      // ssh2 throws when the client is not connected any more.
      fail(error instanceof Error ? error : new Error('not connected'));
    }
  });
}

const forbidden = ({ host, where }: Attempted, cause: Error): AttemptFailed =>
  new AttemptFailed(
    new KbinError('CONNECT', `${where}: the jump host does not forward connections.`, {
      host,
      hint: 'Allow it in the jump host’s sshd_config: AllowTcpForwarding yes, and PermitOpen where it is set.',
      evidence: [cause.message],
      cause,
    }),
    'never',
  );
