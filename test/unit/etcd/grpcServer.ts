import http2 from 'node:http2';
import type net from 'node:net';
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { HttpTarget } from '../../../src/engine/httpStreams.ts';
import { KbinError } from '../../../src/errors.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Certificates } from '../engine/probes/certificates.ts';
import { connected } from '../engine/probes/channel.ts';

export type Answer = (stream: http2.ServerHttp2Stream, asked: { path: string; client: string; body: Buffer }) => void;

/** A gRPC server of this process, behind a host's tunnel. */
export class GrpcServer {
  readonly #certificates: Certificates;
  readonly #server: http2.Http2SecureServer;
  readonly #sockets = new Set<net.Socket>();
  /** Streams through the tunnel. */
  readonly channels: Duplex[] = [];
  /** Resolves with each call that the server sees closed. */
  closed = 0;

  constructor(certificates: Certificates, answer: Answer) {
    this.#certificates = certificates;
    this.#server = http2.createSecureServer({ ...certificates.server, ca: certificates.ca.cert, requestCert: true });
    this.#server.on('stream', (stream, headers) => {
      const body: Buffer[] = [];
      const socket = stream.session?.socket as TLSSocket;
      stream.on('error', () => undefined);
      stream.on('close', () => (this.closed += 1));
      stream.on('data', (chunk: Buffer) => body.push(chunk));
      stream.on('end', () => {
        const client = socket.getPeerCertificate().subject.CN;
        answer(stream, { path: String(headers[':path']), client: String(client), body: Buffer.concat(body) });
      });
    });
    this.#server.on('sessionError', () => undefined);
    this.#server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  target(kind: 'open' | 'refuse' | 'never' | 'hang' = 'open'): HttpTarget {
    const { ca, admin } = this.#certificates;
    const tunnel = async (): Promise<Duplex> => {
      if (kind === 'never') return new Promise<never>(() => undefined);
      if (kind === 'refuse') {
        const cause = Object.assign(new Error('(SSH) Channel open failure: Connection refused'), { reason: 2 });
        throw new KbinError('CONNECT', 'cp-1: no stream', { host: 'cp-1', cause });
      }
      const { port } = this.#server.address() as net.AddressInfo;
      const silent = (): Duplex => new Duplex({ read: () => undefined, write: () => undefined });
      const channel = kind === 'hang' ? silent() : await connected(port);
      this.channels.push(channel);
      return channel;
    };
    const connection = {
      host: 'cp-1',
      isOpen: true,
      tunnel,
      run: () => Promise.reject(new Error('no')),
      close: async () => undefined,
    };
    const tls = { ca: ca.cert, cert: admin.cert, key: new Secret(admin.key), serverName: '127.0.0.1' };
    return { connection, address: '127.0.0.1', port: 2379, tls };
  }

  /** Cuts every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
