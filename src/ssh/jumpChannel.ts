import type { Client, ClientChannel } from 'ssh2';
import { KbinError } from '../errors.ts';
import { bounded } from './bounded.ts';
import { type Attempted, timedOut, unreachable } from './connectFault.ts';
import { AttemptFailed } from './retry.ts';

/** Reason of RFC 4254, 5.1: the jump host could not connect. Others mean that it does not want to. */
const CONNECT_FAILED = 2;

export interface JumpTarget {
  address: string;
  port: number;
  withinMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * A TCP stream through a jump host, which also resolves the name. Rejects with AttemptFailed: CONNECT, telling a jump
 * host that waits from one that says it cannot and one that does not want to.
 */
export async function jumpChannel(
  client: Client,
  { address, port, withinMs, signal }: JumpTarget,
  { host, where }: Attempted,
): Promise<ClientChannel> {
  const attempted: Attempted = { host, where, stage: 'tcp' };
  let isOver = false;
  const opening = new Promise<ClientChannel>((resolve, reject) => {
    try {
      client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (error !== undefined) return reject(fault(attempted, error));
        channel.on('error', () => undefined);
        if (isOver) channel.destroy();
        else resolve(channel);
      });
    } catch (error) {
      // ssh2 throws when the client is not connected any more.
      reject(fault(attempted, error instanceof Error ? error : new Error('not connected')));
    }
  });
  try {
    return await bounded(opening, { withinMs, signal, late: () => timedOut(attempted) });
  } finally {
    isOver = true;
  }
}

function fault(attempted: Attempted, error: Error): AttemptFailed {
  const reason = 'reason' in error ? error.reason : undefined;
  if (reason === undefined) return unreachable(attempted, error);
  return reason === CONNECT_FAILED ? outOfReach(attempted, error) : forbidden(attempted, error);
}

const outOfReach = ({ host, where }: Attempted, cause: Error): AttemptFailed =>
  new AttemptFailed(
    new KbinError('CONNECT', `${where}: the jump host cannot reach it.`, {
      host,
      hint:
        'The line below is the jump host’s own reason. Check that the host is up, that its address is right as seen ' +
        'from the jump host, and that no firewall between the two drops the port.',
      evidence: [cause.message],
      cause,
    }),
    'soon',
  );

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
