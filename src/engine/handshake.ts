import { isIP } from 'node:net';
import tls from 'node:tls';
import { KbinError } from '../errors.ts';
import type { SeenCertificate } from '../model/pki.ts';
import type { Connection } from '../model/ports.ts';
import { seenCertificate } from '../pki/certificate.ts';
import { reasonOf } from './httpReasons.ts';

export interface HandshakeTarget {
  connection: Connection;
  /** As seen from the connection's host. */
  address: string;
  port: number;
  /** For the server name indication; none for addresses. */
  serverName?: string;
  /** For all of it: opening the stream and the handshake. */
  timeoutSeconds: number;
}

const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

/**
 * The certificate that a port presents, whoever signed it and whatever its dates: it is looked at, not believed.
 * @throws KbinError CONNECT or TIMEOUT when nothing there completes a TLS handshake.
 */
export async function servedCertificate(target: HandshakeTarget): Promise<SeenCertificate> {
  const { connection, address, port, serverName, timeoutSeconds } = target;
  const where = `${address}:${port} on ${connection.host}`;
  const fault = (code: 'CONNECT' | 'TIMEOUT', why: string, cause?: unknown): KbinError =>
    new KbinError(code, `${where}: ${why}`, { host: connection.host, cause });
  let socket: tls.TLSSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(fault('TIMEOUT', `no handshake within ${timeoutSeconds} s`)),
      timeoutSeconds * 1000,
    );
  });
  const presented = async (): Promise<SeenCertificate> => {
    const stream = await connection.tunnel(address, port);
    const own = tls.connect({
      socket: stream,
      // What is wrong with it is what we want to know.
      rejectUnauthorized: false,
      ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
    });
    socket = own;
    return new Promise((resolve, reject) => {
      own.once('error', (error) => reject(fault('CONNECT', reasonOf(error), error)));
      own.once('secureConnect', () => {
        const { raw } = own.getPeerCertificate() as { raw?: Buffer };
        if (raw === undefined) reject(fault('CONNECT', 'it presents no certificate'));
        else resolve(seenCertificate(pemOf(raw)));
      });
    });
  };
  try {
    return await Promise.race([presented(), limit]);
  } finally {
    clearTimeout(timer);
    // The other side may still have something to complain about.
    socket?.on('error', () => undefined).destroy();
  }
}
