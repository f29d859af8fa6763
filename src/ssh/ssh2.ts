import { createHash } from 'node:crypto';
import { KbinError } from '../errors.ts';
import type { Host, SshSettings } from '../model/inventory.ts';
import type { Connection } from '../model/ports.ts';
import { Authentication } from './authentication.ts';
import type { Bastions } from './bastions.ts';
import type { Attempted } from './connectFault.ts';
import { dial } from './dial.ts';
import { handshake } from './handshake.ts';
import type { HostKeyCheck } from './hostKeyCheck.ts';
import { jumpChannel } from './jumpChannel.ts';
import type { KeyRing } from './keyRing.ts';
import { hostKeyAlgorithms } from './knownHosts.ts';
import { type Lease, soleLease } from './lease.ts';
import type { Pace } from './pace.ts';
import { type Remaining, withinBudget } from './retry.ts';
import type { Login, Route } from './route.ts';
import { Ssh2Connection } from './ssh2Connection.ts';

/** What deciding on a way to a host needs of it. */
export type Destination = Pick<Host, 'name' | 'sshAddress' | 'ssh'>;

interface Way {
  route: Route;
  signal?: AbortSignal | undefined;
}

/** What all connections of one connector share. */
export interface Ssh2World {
  keyRing: KeyRing;
  hostKeys: HostKeyCheck;
  bastions: Bastions;
  pace: Pace;
}

interface Journey {
  world: Ssh2World;
  route: Route;
  settings: SshSettings;
  signal?: AbortSignal | undefined;
}

/** Connects with ssh2, through the route's jump hosts. Rejects with RESOLVE, CONNECT, HOST_KEY, AUTH, INTERRUPTED. */
export async function connectSsh2(world: Ssh2World, host: Host, way: Way): Promise<Connection> {
  const lease = await logInSsh2(world, host, way);
  return new Ssh2Connection({ host: host.name, settings: host.ssh, become: way.route.become }, lease);
}

/** The same, for what is no command. */
export const logInSsh2 = (world: Ssh2World, { ssh }: Destination, { route, signal }: Way): Promise<Lease> =>
  logIn({ world, route, settings: ssh, signal }, route.logins.length - 1);

const nameOf = ({ address, port }: Login): string => `${address} port ${port}`;

/** Logs in to the sshd at `depth` of the route. The lease's release ends the connections that only it needed. */
function logIn(journey: Journey, depth: number): Promise<Lease> {
  const { route, settings, signal, world } = journey;
  const logins = route.logins.slice(0, depth + 1);
  const login = logins[depth] ?? route.logins[0];
  const via = logins[depth - 1];
  const where = `${login.user}@${nameOf(login)}${via === undefined ? '' : ` through ${nameOf(via)}`}`;
  const attempted: Attempted = { host: route.host, where, stage: 'tcp' };
  const destination = logins.map(nameOf).join(' ');
  const once = async (remaining: Remaining): Promise<Lease> => {
    const bastion = depth === 0 ? undefined : await leaseBastion(journey, depth - 1);
    try {
      const start = () => attempt({ journey, login, attempted, remaining, bastion });
      const lease = await world.pace.start(destination, start, signal);
      if (bastion !== undefined) lease.client.once('close', bastion.release);
      return lease;
    } catch (error) {
      bastion?.release();
      throw error;
    }
  };
  return withinBudget(settings.connectSeconds, once, signal);
}

async function leaseBastion({ world, route, settings }: Journey, depth: number): Promise<Lease> {
  // A shared connection outlives the host that opened it, so that host's signal does not end it.
  const shared: Journey = { world, route, settings };
  try {
    return await world.bastions.lease(chainOf(shared, depth), () => logIn(shared, depth));
  } catch (error) {
    throw error instanceof KbinError ? faultFor(route.host, error) : error;
  }
}

interface Attempt {
  journey: Journey;
  login: Login;
  attempted: Attempted;
  bastion: Lease | undefined;
  remaining: Remaining;
}

async function attempt({ journey, login, attempted, bastion, remaining }: Attempt): Promise<Lease> {
  const { world, settings, signal, route } = journey;
  const target = { address: login.address, port: login.port, withinMs: remaining(), signal };
  const [keys, entries] = await Promise.all([
    world.keyRing.open(login.keys, settings.passphrase),
    world.hostKeys.entries(login),
  ]);
  signal?.throwIfAborted();
  const stream =
    bastion === undefined ? await dial(target, attempted) : await jumpChannel(bastion.client, target, attempted);
  const client = await handshake(
    {
      login,
      stream,
      authentication: new Authentication(login.user, {
        keys,
        agent: settings.agent ? agentSocket() : undefined,
        password: settings.password,
      }),
      algorithms: hostKeyAlgorithms(entries, login),
      verify: (key) => world.hostKeys.verify(key, login, route.host),
      keepaliveSeconds: settings.keepaliveSeconds,
      withinMs: remaining(),
      signal,
    },
    attempted,
  );
  return soleLease(client, stream);
}

function agentSocket(): string | undefined {
  const { SSH_AUTH_SOCK: socket } = process.env;
  return socket === '' ? undefined : socket;
}

/** Names the logins up to `depth` with everything that decides whether two hosts may share them. */
function chainOf({ route, settings }: Journey, depth: number): string {
  const secrets = [settings.password, settings.passphrase].map((secret) => secret?.reveal() ?? null);
  const digest = createHash('sha256').update(JSON.stringify(secrets)).digest('hex');
  return JSON.stringify([route.logins.slice(0, depth + 1), settings.agent, digest]);
}

/** The same failure told of another host that waited for the same jump host. */
function faultFor(host: string, { code, message, hint, evidence, cause }: KbinError): KbinError {
  return new KbinError(code, message, { host, evidence, cause, ...(hint === undefined ? {} : { hint }) });
}
