import { readFile } from 'node:fs/promises';
import { KbinError } from '../errors.ts';
import type { ExternalEtcd } from '../model/inventory.ts';
import type { CertificateName, SecretRef, StoredCertificate } from '../model/pki.ts';
import type { Pki } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { describeCertificate, readCertificate } from './certificate.ts';
import { parsePrivateKey } from './keys.ts';

const CA = 'external-etcd-ca';
const CLIENT = 'external-etcd-client';

interface Files {
  ca: string;
  certificate: string;
  key: string;
}

const fault = (file: string, what: string, cause?: unknown): KbinError =>
  new KbinError('PKI', `${file}: ${what}`, { hint: 'Correct etcd.external in the inventory, or the file.', cause });

const readText = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw fault(file, 'cannot be read', cause);
  });

async function readFiles({ caFile, certFile, keyFile }: ExternalEtcd): Promise<Files> {
  const [ca, certificate, key] = await Promise.all([caFile, certFile, keyFile].map(readText));
  return { ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' };
}

/** What the files hold; the CA as an authority without a key. */
function describeFiles(
  files: Files,
  { caFile, certFile, keyFile }: ExternalEtcd,
): Record<CertificateName, StoredCertificate> {
  const parsed = <T>(file: string, read: () => T): T => {
    try {
      return read();
    } catch (cause) {
      throw fault(file, cause instanceof Error ? cause.message : 'cannot be parsed', cause);
    }
  };
  const client = parsed(certFile, () => readCertificate(files.certificate));
  const key = parsed(keyFile, () => parsePrivateKey(files.key));
  if (!client.x509.checkPrivateKey(key)) throw fault(keyFile, `does not belong to ${certFile}`);
  const ca = parsed(caFile, () => readCertificate(files.ca));
  if (!ca.x509.ca) throw fault(caFile, 'is no authority');
  return {
    [CA]: describeCertificate(CA, ca, { publicPem: files.ca, keyPem: '' }),
    [CLIENT]: describeCertificate(CLIENT, client, { publicPem: files.certificate, keyPem: files.key }),
  };
}

function partOf(files: Files, { certificate, part }: SecretRef): Secret | undefined {
  if (certificate === CA && part !== 'key') return new Secret(files.ca);
  if (certificate !== CLIENT) return undefined;
  return part === 'key' ? new Secret(files.key) : new Secret(files.certificate);
}

/**
 * The store, and beside its own certificates those of an etcd that somebody else runs. They stay where the inventory
 * says; they are read again whenever they are asked for, so that their owner can renew them.
 */
export const withExternalEtcd = (store: Pki, external: ExternalEtcd): Pki => ({
  ...store,
  list: async () => {
    const [own, files] = await Promise.all([store.list(), readFiles(external)]);
    return { ...own, ...describeFiles(files, external) };
  },
  read: async (ref) => partOf(await readFiles(external), ref) ?? store.read(ref),
});
