import { dump } from 'js-yaml';

export interface KubeconfigParts {
  /** Name of the cluster and of the context. */
  cluster: string;
  /** URL of the API, such as `https://api.example.com:6443`. */
  server: string;
  /** PEM texts. */
  ca: string;
  certificate: string;
  key: string;
  /** Name of the user entry. */
  user: string;
}

/**
 * A kubeconfig for the operator, YAML, with certificates and key inside. The text holds a private key: write it with
 * mode 0600 and show it to nobody else.
 */
export function operatorKubeconfig(parts: KubeconfigParts): string {
  const { cluster, server, user } = parts;
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return dump(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(parts.ca) } }],
      users: [
        {
          name: user,
          user: { 'client-certificate-data': base64(parts.certificate), 'client-key-data': base64(parts.key) },
        },
      ],
      contexts: [{ name: cluster, context: { cluster, user } }],
      'current-context': cluster,
    },
    { lineWidth: -1 },
  );
}
