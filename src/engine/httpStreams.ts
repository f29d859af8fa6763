import { createHash } from 'node:crypto';
import http from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Connection } from '../model/ports.ts';
import type { Secret } from '../model/secret.ts';

export interface TlsSettings {
  /** PEM authorities that may have signed the server's certificate. */
  ca: string;
  cert?: string;
  key?: Secret;
  /** DNS name or address that the server's certificate must be for. */
  serverName: string;
}

/** Where an HTTP request goes. */
export interface HttpTarget {
  connection: Connection;
  /** As seen from the connection's host. */
  address: string;
  port: number;
  tls?: TlsSettings;
}

/** A stream for one protocol. Its TLS handshake may still be under way. Throws what `connection.tunnel` throws. */
export async function openStream(
  { connection, address, port, tls: settings }: HttpTarget,
  protocol: 'http/1.1' | 'h2',
): Promise<Duplex> {
  const socket = await connection.tunnel(address, port);
  if (settings === undefined) return socket;
  const { ca, cert, key, serverName } = settings;
  // Handed out before the handshake is over, so that the request's own limit covers the handshake.
  return tls.connect({
    socket,
    host: serverName,
    // RFC 6066 section 3: no addresses in the server name indication.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ca,
    // An authority that was given to the store may be below one that is not trusted here.
    allowPartialTrustChain: true,
    ...(cert === undefined || key === undefined ? {} : { cert, key: key.reveal() }),
    ALPNProtocols: [protocol],
  });
}

/** How long a stream waits for the next request. Some transports pay a process for each. */
const IDLE_MILLISECONDS = 5000;

/** Keeps the streams to one target, so that a poll every 250 ms costs no handshake. */
class TunnelAgent extends http.Agent {
  readonly #target: HttpTarget;
  readonly #expiries = new WeakMap<Duplex, NodeJS.Timeout>();

  constructor(target: HttpTarget) {
    super({ keepAlive: true });
    this.#target = target;
  }

  override createConnection(
    _: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const done = callback as (error: Error | null, stream?: Duplex) => void;
    openStream(this.#target, 'http/1.1').then(
      (stream) => done(null, stream),
      (error: unknown) => done(error as Error),
    );
  }

  // The default calls methods that only a net.Socket has.
  override keepSocketAlive(socket: Duplex): boolean {
    this.#expiries.set(socket, setTimeout(() => socket.destroy(), IDLE_MILLISECONDS).unref());
    return true;
  }

  override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
    clearTimeout(this.#expiries.get(socket));
    // The default is needed for its book-keeping; it calls ref(), which not every stream has.
    super.reuseSocket(Object.assign(socket, { ref: () => socket }), request);
  }
}

const agents = new WeakMap<Connection, Map<string, TunnelAgent>>();

/** The agent of (connection, address, port, identity); another certificate is another identity. */
export function agentOf(target: HttpTarget): http.Agent {
  const { ca, cert, serverName } = target.tls ?? {};
  const identity = createHash('sha256')
    .update(JSON.stringify([ca, cert, serverName]))
    .digest('hex');
  const name = `${target.address} ${target.port} ${identity}`;
  const kept = agents.get(target.connection) ?? new Map<string, TunnelAgent>();
  agents.set(target.connection, kept);
  const agent = kept.get(name) ?? new TunnelAgent(target);
  kept.set(name, agent);
  return agent;
}
