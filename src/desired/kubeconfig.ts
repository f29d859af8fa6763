import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { PhaseName } from '../model/phase.ts';
import type { File, Pair } from '../model/resource.ts';
import { hostPort, type Context } from './context.ts';
import { certificateOf, hostPair, keyOf, PKI } from './pki.ts';
import { privateFile } from './resources.ts';

export interface Kubeconfig {
  phase: PhaseName;
  /** `/etc/kubernetes/<name>.conf`; also the row of the client certificate. */
  name: string;
  /** The apiserver on the same host, or all of them through the balancer of the node. */
  server: 'own' | 'balancer';
}

/**
 * A kubeconfig and its client certificate. It names files instead of holding them, because clients reload files but
 * never their kubeconfig (REFERENCE 1.2).
 */
export function kubeconfig(context: Context, { phase, name, server }: Kubeconfig): { file: File; client: Pair } {
  const { inventory, host } = context;
  const client = hostPair(context, phase, name);
  const address =
    server === 'own' ? hostPort(host.address, inventory.apiPort) : hostPort('127.0.0.1', inventory.balancerPort);
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: inventory.cluster,
        cluster: {
          'certificate-authority': PKI.ca,
          server: `https://${address}`,
          // Whichever apiserver the balancer chose, its certificate has this name.
          ...(server === 'balancer' ? { 'tls-server-name': 'kubernetes' } : {}),
        },
      },
    ],
    contexts: [{ name: inventory.cluster, context: { cluster: inventory.cluster, user: name } }],
    'current-context': inventory.cluster,
    preferences: {},
    users: [{ name, user: { 'client-certificate': certificateOf(client), 'client-key': keyOf(client) } }],
  };
  const file = privateFile(phase, join(PLACES.kubernetes, `${name}.conf`), context.write.yaml(document));
  return { file, client };
}
