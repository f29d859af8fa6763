import { Secret } from '../model/secret.ts';
import { KubeconfigDocument } from './kubeconfigDocument.ts';

export interface BootstrapParts {
  cluster: string;
  /** URL of the API. */
  server: string;
  /** PEM text of every authority that may have signed what the API servers show. */
  ca: string;
  /** `ID.SECRET` */
  token: Secret;
}

const USER = 'kubelet-bootstrap';

/** The kubeconfig with which a kubelet asks for its first client certificate (`--bootstrap-kubeconfig`), YAML. */
export function bootstrapKubeconfig({ cluster, server, ca, token }: BootstrapParts): Secret {
  const document = new KubeconfigDocument('', 'a new kubeconfig');
  const authority = Buffer.from(ca).toString('base64');
  document.put('clusters', cluster, { fields: { server, 'certificate-authority-data': authority }, gone: 'all' });
  document.put('users', USER, { fields: { token: token.reveal() }, gone: 'all' });
  document.put('contexts', cluster, { fields: { cluster, user: USER }, gone: 'all' });
  document.use(cluster);
  return new Secret(document.toString());
}
