import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { kubernetesApi } from '../../../../src/engine/api.ts';
import type { ProbeContext } from '../../../../src/engine/probes/probe.ts';
import { KbinError } from '../../../../src/errors.ts';
import type { Event } from '../../../../src/model/event.ts';
import type { HostName, Inventory, Json } from '../../../../src/model/inventory.ts';
import type { Command, Connection, Output, Pki } from '../../../../src/model/ports.ts';
import { Secret } from '../../../../src/model/secret.ts';
import type { Certificates, Pair } from './certificates.ts';
import { connected } from './channel.ts';
import { FakeClock } from './clock.ts';

export interface Asked {
  method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
  body: Json;
  /** Common name of the client's certificate; '' without one. */
  client: string;
}

export interface Said {
  status?: number;
  /** Text as it is, anything else as JSON. */
  body?: Json;
  headers?: Record<string, string>;
}

/** `hang`: never answers; `drop`: closes without an answer. */
export type Handler = (asked: Asked) => Said | 'hang' | 'drop';

export interface ListenOptions {
  /** Default: TLS with the server pair, a client certificate is asked for and need not be there. */
  tls?: false | { server?: Pair; isClientVerified?: boolean };
  address?: string;
}

/** Hosts whose ports are servers of this process. */
export class World {
  readonly certificates: Certificates;
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  /** Streams opened, by `host port`. */
  readonly opened: string[] = [];
  readonly channels: Duplex[] = [];
  readonly #ports = new Map<string, number | 'hang'>();
  readonly #servers = new Set<http.Server | net.Server>();
  readonly #sockets = new Set<net.Socket>();
  readonly #connections = new Map<HostName, Connection>();
  /** What the hosts do with commands; a command that nobody expects fails the test. */
  run: (host: HostName, command: Command) => Partial<Output> = (host, { script }) => {
    throw new Error(`unexpected command on ${host}: ${script}`);
  };
  /** Hosts that cannot be connected to. */
  readonly lost = new Set<HostName>();

  constructor(certificates: Certificates) {
    this.certificates = certificates;
  }

  readonly fleet = {
    connection: async (host: HostName): Promise<Connection> => {
      if (this.lost.has(host)) throw new KbinError('CONNECT', `${host}: no route to host`, { host });
      const connection = this.#connections.get(host) ?? this.#connect(host);
      this.#connections.set(host, connection);
      return connection;
    },
  };

  readonly pki = {
    read: async ({ certificate, part }) => {
      const { ca, admin, superAdmin, otherCa } = this.certificates;
      const pairs: Record<string, Pair> = {
        ca,
        admin,
        'super-admin': superAdmin,
        'etcd-ca': ca,
        'etcd-healthcheck-client': admin,
        'external-etcd-ca': ca,
        'external-etcd-client': admin,
        'other-ca': otherCa,
      };
      const pair = pairs[certificate];
      if (pair === undefined) throw new KbinError('PKI', `no certificate "${certificate}"`);
      return new Secret(part === 'key' ? pair.key : pair.cert);
    },
  } as Partial<Pki> as Pki;

  #connect(host: HostName): Connection {
    return {
      host,
      isOpen: true,
      run: async (command) => ({ exitCode: 0, stdout: '', stderr: '', ...this.run(host, command) }),
      tunnel: (address, port) => this.#tunnel(host, address, port),
      close: async () => undefined,
    };
  }

  async #tunnel(host: HostName, address: string, port: number): Promise<Duplex> {
    const target = this.#ports.get(`${host} ${address}:${port}`);
    if (target === undefined) {
      // As ssh2 reports it: SSH_OPEN_CONNECT_FAILED.
      const cause = Object.assign(new Error('(SSH) Channel open failure: Connection refused'), { reason: 2 });
      throw new KbinError('CONNECT', `${host}: no stream to ${address}:${port}`, { host, cause });
    }
    this.opened.push(`${host} ${port}`);
    const channel =
      target === 'hang' ? new Duplex({ read: () => undefined, write: () => undefined }) : await connected(target);
    this.channels.push(channel);
    return channel;
  }

  /** Lets a port of a host answer; a second call replaces the first. */
  async listen(host: HostName, port: number, handler: Handler, options: ListenOptions = {}): Promise<void> {
    const { address = '127.0.0.1', tls = {} } = options;
    const answer: http.RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const socket = request.socket as Partial<TLSSocket>;
        // Without a certificate there is no subject, whatever the type says.
        const peer = socket.getPeerCertificate?.() as { subject?: { CN: string } } | undefined;
        const said = handler({
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: text === '' ? null : (JSON.parse(text) as Json),
          client: peer?.subject?.CN ?? '',
        });
        if (said === 'hang') return;
        if (said === 'drop') return void request.socket.destroy();
        const { status = 200, body = '', headers = {} } = said;
        response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    };
    const server =
      tls === false
        ? http.createServer(answer)
        : https.createServer(
            {
              ...(tls.server ?? this.certificates.server),
              ca: this.certificates.ca.cert,
              requestCert: true,
              rejectUnauthorized: tls.isClientVerified ?? false,
            },
            answer,
          );
    await this.#start(server, `${host} ${address}:${port}`);
  }

  /** A port that answers with these bytes whatever it is asked. */
  async listenRaw(host: HostName, port: number, bytes: string): Promise<void> {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(bytes));
    });
    await this.#start(server, `${host} 127.0.0.1:${port}`);
  }

  /** A port that accepts and then says nothing, not even a handshake. */
  hang(host: HostName, port: number): void {
    this.#ports.set(`${host} 127.0.0.1:${port}`, 'hang');
  }

  refuse(host: HostName, port: number): void {
    this.#ports.delete(`${host} 127.0.0.1:${port}`);
  }

  async #start(server: http.Server | net.Server, place: string): Promise<void> {
    this.#servers.add(server);
    server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#ports.set(place, (server.address() as net.AddressInfo).port);
  }

  /** Cuts every connection; servers go on listening. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.dropConnections();
    await Promise.all([...this.#servers].map((server) => new Promise((resolve) => server.close(resolve))));
    this.dropConnections();
  }

  readonly emit = (event: Event): void => {
    this.events.push(event);
  };

  context(inventory: Inventory, hosts: HostName[] = inventory.hosts.map((host) => host.name)): ProbeContext {
    const { clock, emit, fleet, pki } = this;
    const api = kubernetesApi({ inventory, fleet, pki, clock });
    return { inventory, fleet, pki, clock, emit, api, hosts, deadline: clock.monotonic() + 60_000 };
  }
}
