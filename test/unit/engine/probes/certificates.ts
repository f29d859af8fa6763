import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  cert: string;
  key: string;
}

export interface Certificates {
  ca: Pair;
  /** For localhost, 127.0.0.1, kubernetes. */
  server: Pair;
  admin: Pair;
  superAdmin: Pair;
  /** An authority that nobody trusts, and a client of it. */
  otherCa: Pair;
  stranger: Pair;
}

/** Certificates for one test file, made by openssl: all clients and servers below one authority. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'kbin-test-'));
  const at = (name: string): string => join(folder, name);
  const make = (name: string, options: string[]): Pair => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...options], { stdio: 'ignore' });
    return { cert: readFileSync(at(`${name}.crt`), 'utf8'), key: readFileSync(at(`${name}.key`), 'utf8') };
  };
  const leaf = (name: string, ca: string, subject: string): Pair =>
    make(name, [
      ...['-CA', at(`${ca}.crt`), '-CAkey', at(`${ca}.key`), '-subj', subject],
      ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
      ...['-addext', 'subjectAltName=DNS:localhost,DNS:kubernetes,IP:127.0.0.1'],
    ]);
  try {
    return {
      ca: make('ca', ['-subj', '/CN=test-ca']),
      otherCa: make('other', ['-subj', '/CN=other-ca']),
      server: leaf('server', 'ca', '/CN=server'),
      admin: leaf('admin', 'ca', '/CN=admin'),
      superAdmin: leaf('super', 'ca', '/CN=super-admin'),
      stranger: leaf('stranger', 'other', '/CN=stranger'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
