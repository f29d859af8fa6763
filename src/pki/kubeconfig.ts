import type { Secret } from '../model/secret.ts';

export interface KubeconfigParts {
  /** Name of the cluster entry. */
  cluster: string;
  /** Tells the cluster from another one whose entry is called alike: what the store's `clusterId` says. */
  clusterId: string;
  /** URL of the API, such as `https://api.example.com:6443`. */
  server: string;
  /** PEM text of every authority that may have signed what the API servers show: one, or several while one is rotated. */
  ca: string;
  /** Name of the user entry. */
  user: string;
  /** PEM texts. */
  certificate: string;
  key: Secret;
  /** Name of the context. */
  context: string;
  namespace?: string;
}

/** What one kubeconfig says: values of the fields of its three entries. */
export interface KubeconfigEntries {
  cluster: { server: string; 'certificate-authority-data': string };
  user: { 'client-certificate-data': string; 'client-key-data': string };
  context: { cluster: string; user: string; namespace?: string };
}

const base64 = (pem: string): string => Buffer.from(pem).toString('base64');

/** The entries, with the private key inside: show them to nobody. */
export const entriesOf = (parts: KubeconfigParts): KubeconfigEntries => ({
  cluster: { server: parts.server, 'certificate-authority-data': base64(parts.ca) },
  user: {
    'client-certificate-data': base64(parts.certificate),
    'client-key-data': base64(parts.key.reveal()),
  },
  context: {
    cluster: parts.cluster,
    user: parts.user,
    ...(parts.namespace === undefined ? {} : { namespace: parts.namespace }),
  },
});
