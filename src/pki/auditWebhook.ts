import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { KbinError } from '../errors.ts';
import type { StoredCertificate } from '../model/pki.ts';
import type { Pki } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { AUDIT_WEBHOOK } from '../model/security.ts';
import { bareText, describeCertificate, readCertificate } from './certificate.ts';

const fault = (file: string, what: string, cause?: unknown): KbinError =>
  new KbinError('PKI', `${file}: ${what}`, {
    hint: 'Correct audit.webhook.configFile in the inventory, or the file.',
    cause,
  });

const readText = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw fault(file, 'cannot be read', cause);
  });

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name?: string; context?: { user?: string } }[];
  users?: { name?: string; user?: { 'client-certificate-data'?: string } }[];
}

/** The client certificate that the kubeconfig holds itself, in PEM; undefined when it holds none. */
function embeddedCertificate(text: string): string | undefined {
  const { contexts = [], users = [], ...config } = (load(text) ?? {}) as Kubeconfig;
  const user = contexts.find(({ name }) => name === config['current-context'])?.context?.user;
  const base64 = users.find(({ name }) => name === user)?.user?.['client-certificate-data'];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString();
}

/** The kubeconfig as an entry of the store, with the client certificate inside, so that its end is seen. */
function describeKubeconfig(file: string, text: string): StoredCertificate {
  try {
    const publicPem = embeddedCertificate(text);
    if (publicPem === undefined) return bareText(AUDIT_WEBHOOK, text);
    return describeCertificate(AUDIT_WEBHOOK, readCertificate(publicPem), { publicPem, keyPem: text });
  } catch {
    // The cause is not told: it could repeat a token.
    throw fault(file, 'is no kubeconfig, or its client certificate cannot be read');
  }
}

/**
 * The store, and beside its own certificates the kubeconfig of the audit webhook. It stays where the inventory says and
 * is read again whenever it is asked for, so that it can be renewed there.
 */
export const withAuditWebhook = (store: Pki, file: string): Pki => ({
  ...store,
  list: async () => {
    const [own, text] = await Promise.all([store.list(), readText(file)]);
    return { ...own, [AUDIT_WEBHOOK]: describeKubeconfig(file, text) };
  },
  read: async (ref) => (ref.certificate === AUDIT_WEBHOOK ? new Secret(await readText(file)) : store.read(ref)),
});
