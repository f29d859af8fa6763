import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { servingNames } from '../catalog/servingNames.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Resource } from '../model/resource.ts';
import type { Context } from './context.ts';
import { certificateOf, hostPair, keyOf } from './pki.ts';

/** Where the kubelet keeps the serving certificate that it asked for. */
const OWN_SERVING = join(PLACES.kubelet, 'pki/kubelet-server-current.pem');

/** What the kubelet serves with, and what its configuration says of it. */
export function servingParts(context: Context, phase: PhaseName): { config: JsonObject; resource: Resource } {
  const { inventory, host } = context;
  if (inventory.certificates.kubeletServing === 'kbin') {
    const pair = hostPair(context, phase, 'kubelet-serving');
    return { config: { tlsCertFile: certificateOf(pair), tlsPrivateKeyFile: keyOf(pair) }, resource: pair };
  }
  const resource: Resource = {
    id: `renewed:${OWN_SERVING}`,
    kind: 'renewed',
    phase,
    path: OWN_SERVING,
    unit: 'kubelet.service',
    signers: ['kubelet-signer'],
    approved: servingNames(inventory, host),
  };
  return { config: { serverTLSBootstrap: true }, resource };
}
