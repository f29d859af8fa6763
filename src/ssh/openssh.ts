import { lookup } from 'node:dns/promises';
import { KbinError } from '../errors.ts';
import type { Host } from '../model/inventory.ts';
import type { Connection } from '../model/ports.ts';
import { printable } from '../model/plainText.ts';
import { bounded } from './bounded.ts';
import { type Attempted, timedOut, unresolved } from './connectFault.ts';
import type { HostKeyCheck } from './hostKeyCheck.ts';
import { OpensshConnection } from './opensshConnection.ts';
import { OpensshMaster } from './opensshMaster.ts';
import type { Pace } from './pace.ts';
import { AttemptFailed, type Remaining, withinBudget } from './retry.ts';
import type { Login, Route } from './route.ts';
import { codeOf } from './systemError.ts';

export interface OpensshWorld {
  hostKeys: HostKeyCheck;
  pace: Pace;
}

interface Journey {
  world: OpensshWorld;
  host: Host;
  route: Route;
  signal?: AbortSignal | undefined;
}

/** Connects with the system's ssh, which stays as the master of one connection. Rejects as the ssh2 transport does. */
export function connectOpenssh(
  world: OpensshWorld,
  host: Host,
  { route, signal }: { route: Route; signal?: AbortSignal | undefined },
): Promise<Connection> {
  const journey: Journey = { world, host, route, signal };
  const [first] = route.logins;
  const start = (remaining: Remaining) =>
    world.pace.start(`${first.address} port ${first.port}`, () => attempt(journey, remaining), signal);
  return withinBudget(host.ssh.connectSeconds, start, signal);
}

const attemptedOf = ({ host, route }: Journey): Attempted => {
  const via = route.logins.slice(0, -1).map(nameOf);
  const target = nameOf(route.logins[route.logins.length - 1] ?? route.logins[0]);
  return {
    host: host.name,
    where: via.length === 0 ? target : `${target} through ${via.join(', ')}`,
    stage: 'unknown',
  };
};
const nameOf = ({ user, address, port }: Login): string => `${user}@${address} port ${port}`;

async function attempt(journey: Journey, remaining: Remaining): Promise<Connection> {
  const { host, route, signal, world } = journey;
  const withinMs = remaining();
  await resolveFirst(journey, withinMs);
  const newcomers = await newcomersAmong(route.logins, world.hostKeys);
  const master = await OpensshMaster.prepare({ settings: host.ssh, route, newcomers });
  let isLate = false;
  const stop = () => void master.stop();
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, remaining());
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const isReady = await master.start();
    const shown = await verifyShown(journey, master);
    if (!isReady) throw failure(journey, { shown, isLate, words: master.words });
    return new OpensshConnection({ host: host.name, settings: host.ssh, become: route.become }, master);
  } catch (error) {
    await master.stop();
    throw codeOf(error) === 'ENOENT' ? missing(host.name) : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** ssh reports a name that does not resolve like any other failure, so kbin asks first. */
async function resolveFirst(journey: Journey, withinMs: number): Promise<void> {
  const { host, route, signal } = journey;
  // With a configuration file ssh may use a ProxyCommand that resolves the name elsewhere.
  if (host.ssh.configFile !== undefined) return;
  const attempted = attemptedOf(journey);
  const found = lookup(route.logins[0].address).catch((error: unknown) => {
    throw unresolved(attempted, error);
  });
  await bounded(found, { withinMs, signal, late: () => timedOut({ ...attempted, stage: 'name' }) });
}

async function newcomersAmong(logins: readonly Login[], hostKeys: HostKeyCheck): Promise<Set<Login>> {
  const willing = logins.filter((login) => login.hostKeys !== 'strict');
  const known = await Promise.all(willing.map((login) => hostKeys.isKnown(login)));
  return new Set(willing.filter((_, index) => known[index] === false));
}

/** Certificates are judged by ssh itself: their keys are not the ones of known_hosts. */
const isPlain = (key: Buffer): boolean => !key.subarray(4, 4 + key.readUInt32BE(0)).includes('-cert-');

/** Judges the keys that were shown as the ssh2 transport does; throws HOST_KEY. Returns how many sshds showed one. */
async function verifyShown({ world, host }: Journey, master: OpensshMaster): Promise<number> {
  const keys = await master.shownKeys();
  const plain = keys.map((key) => (key !== undefined && key.length > 4 && isPlain(key) ? key : undefined));
  for (const [depth, key] of plain.entries()) {
    const login = master.logins[depth]?.login;
    if (key !== undefined && login !== undefined) await world.hostKeys.verify(key, login, host.name);
  }
  return keys.filter((key) => key !== undefined).length;
}

interface Ending {
  /** How many of the sshds on the way showed a key, all of them accepted. */
  shown: number;
  isLate: boolean;
  words: string;
}

/** What the end of ssh means, by how far it got: ssh's exit code is 255 for everything. */
function failure(journey: Journey, { shown, isLate, words }: Ending): AttemptFailed {
  const attempted = attemptedOf(journey);
  const { host, where } = attempted;
  const evidence = printable(words.trim()).split('\n');
  const isAtLogin = shown === journey.route.logins.length;
  if (isLate) return timedOut({ ...attempted, stage: isAtLogin ? 'login' : 'unknown' });
  if (isAtLogin) {
    const hint =
      'Check ssh.user, ssh.keys and the host’s authorized_keys. kbin does not try again, so that no account is locked.';
    return new AttemptFailed(
      new KbinError('AUTH', `${where} does not let kbin in.`, { host, hint, evidence }),
      'never',
    );
  }
  const hint = 'The lines below are ssh’s own. Try the same by hand: ssh -v.';
  const fault = new KbinError('CONNECT', `${where}: ssh could not connect.`, { host, hint, evidence });
  // A jump host that showed its key may have refused the login: that is not repeated.
  return new AttemptFailed(fault, shown > 0 ? 'never' : 'soon');
}

const missing = (host: string): KbinError =>
  new KbinError('CONNECT', 'This machine has no ssh program.', {
    host,
    hint: 'Install the OpenSSH client, or set ssh.transport: ssh2.',
  });
