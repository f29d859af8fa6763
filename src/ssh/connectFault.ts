import { KbinError } from '../errors.ts';
import { AttemptFailed, type Retry } from './retry.ts';
import { codeOf, wordsOf } from './systemError.ts';

/** What a connection is waiting for, in the order of events. `unknown`: the system's ssh does not say. */
export type Stage = 'name' | 'tcp' | 'greeting' | 'keys' | 'login' | 'unknown';

export interface Attempted {
  host: string;
  /** `user@address port n`, with the jump host it goes through. */
  where: string;
  stage: Stage;
}

interface StageRow {
  /** What did not come, for the message of a timeout. */
  waited: string;
  hint: string;
}

const STAGES: Record<Stage, StageRow> = {
  name: {
    waited: 'the name server’s answer',
    hint: 'Check the name and this machine’s resolver, or write the address.',
  },
  tcp: {
    waited: 'the TCP connection',
    hint: 'Check that the host is up and that no firewall between here and there drops the port.',
  },
  greeting: {
    waited: 'sshd’s greeting (TCP stands)',
    hint: 'sshd is overloaded, or something else listens on this port.',
  },
  keys: {
    waited: 'the key exchange (greetings were exchanged)',
    hint:
      'Small packets pass and large ones do not: look for an MTU black hole on the way. ' +
      '`ping -M do -s 1400 <address>` must answer; if it does not, lower the MTU or let ICMP "fragmentation needed" pass.',
  },
  login: {
    waited: 'the login (keys were exchanged)',
    hint: 'The host’s user lookup is slow: check its directory service, PAM and reverse DNS (sshd UseDNS).',
  },
  unknown: {
    waited: 'the TCP connection, sshd’s greeting or the key exchange (ssh does not tell which)',
    hint:
      'Check that the host is up and that no firewall between here and there drops the port. ' +
      '`ssh -v` by hand shows how far it gets, and so does ssh.transport: ssh2.',
  },
};

const failed = (code: 'CONNECT' | 'RESOLVE' | 'TIMEOUT' | 'AUTH', text: string, detail: FaultDetail): AttemptFailed => {
  const { host, hint, cause, evidence, retry } = detail;
  return new AttemptFailed(
    new KbinError(code, text, { host, hint, ...(evidence === undefined ? {} : { evidence }), cause }),
    retry,
  );
};

interface FaultDetail {
  host: string;
  hint: string;
  retry: Retry;
  evidence?: string[];
  cause?: unknown;
}

/** The time for connecting passed. Repeating is pointless: it took all the time there was. */
export function timedOut({ host, where, stage }: Attempted): AttemptFailed {
  const { waited, hint } = STAGES[stage];
  return failed('CONNECT', `${where}: waited too long for ${waited}.`, { host, hint, retry: 'never' });
}

/** The name has no address, or the name server does not answer. */
export function unresolved({ host, where }: Attempted, cause: unknown): AttemptFailed {
  return failed('RESOLVE', `${where}: the name does not resolve (${codeOf(cause)}).`, {
    host,
    hint: 'Check the spelling of the address in the inventory and this machine’s resolver.',
    retry: 'few',
    cause,
  });
}

/** The connection could not be made, or broke before the login began. */
export function unreachable({ host, where, stage }: Attempted, cause: unknown): AttemptFailed {
  const code = codeOf(cause);
  const evidence = cause instanceof Error && code === 'closed' ? [cause.message] : [];
  if (stage === 'greeting') {
    return failed('CONNECT', `${where}: sshd closed the connection before its greeting.`, {
      host,
      hint:
        'sshd drops connections when many log in at once or after failures (MaxStartups, PerSourcePenalties), ' +
        'or tcpwrappers or a firewall refuse this machine.',
      retry: 'later',
      evidence,
      cause,
    });
  }
  const { hint } = STAGES[stage];
  return failed('CONNECT', `${where}: ${wordsOf(code)}.`, { host, hint, retry: 'soon', evidence, cause });
}

/** sshd ended the login with a reason of its own (RFC 4253, 11.1), such as too many failures. */
export function disconnected({ host, where }: Attempted, cause: Error): AttemptFailed {
  return failed('AUTH', `${where}: sshd ended the login.`, {
    host,
    hint: 'With many keys in the agent sshd gives up (MaxAuthTries): name the right one in ssh.keys and set ssh.agent: false.',
    retry: 'never',
    evidence: [cause.message],
    cause,
  });
}

/** Both sides have no algorithm in common, or the peer does not speak SSH 2. */
export function incompatible({ host, where }: Attempted, cause: Error): AttemptFailed {
  return failed('CONNECT', `${where}: no common ground with this server.`, {
    host,
    hint: 'ssh.transport: openssh uses the system’s ssh with its newer algorithms.',
    retry: 'never',
    evidence: [cause.message],
    cause,
  });
}
