import type { Inventory } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import type { Context } from './context.ts';
import { flagsOf, flagWords, type Flags } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import {
  certificateOf,
  clientInputs,
  FRONT_PROXY_FLAGS,
  hostPair,
  keyOf,
  PKI,
  servingFlags,
  sharedPair,
} from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { fileId } from './resources.ts';
import { service } from './service.ts';

const PHASE = 'controllers';

/** What kubelets renew lasts as long as what they start with. */
const kubeletDays = ({ certificates: { days, leafDays } }: Inventory): number => days['kubelet'] ?? leafDays;

/** REFERENCE 2. */
const controllerManagerFlags = ({ inventory }: Context): Flags => ({
  'allocate-node-cidrs': 'true',
  'bind-address': '127.0.0.1',
  'client-ca-file': PKI.clientCa,
  'cluster-cidr': inventory.network.podCidr,
  'cluster-name': inventory.cluster,
  // Beyond the default ones: bootstrap tokens are removed when they have expired.
  controllers: '*,bootstrap-signer-controller,token-cleaner-controller',
  'cluster-signing-duration': `${kubeletDays(inventory) * 24}h`,
  'node-cidr-mask-size': String(inventory.network.nodePrefix),
  profiling: 'false',
  'root-ca-file': PKI.rootCa,
  'service-account-private-key-file': PKI.serviceAccountKey,
  'service-cluster-ip-range': inventory.network.serviceCidr,
  'terminated-pod-gc-threshold': '1000',
  'use-service-account-credentials': 'true',
  ...FRONT_PROXY_FLAGS,
});

/** kube-controller-manager of a control plane. */
export function controllerManagerResources(context: Context): Resource[] {
  const program = kubernetesProgram(context, 'kube-controller-manager', PHASE);
  const { file: config, client } = kubeconfig(context, { phase: PHASE, name: 'controller-manager', server: 'own' });
  const serving = hostPair(context, PHASE, 'controller-manager-serving');
  // Signs what kubelets renew. The file must hold exactly one certificate, or nothing is signed (REFERENCE 8).
  const signer = sharedPair(PHASE, 'kubelet-signer');
  const flags: Flags = {
    ...controllerManagerFlags(context),
    ...servingFlags(context, serving),
    kubeconfig: config.path,
    'authentication-kubeconfig': config.path,
    'authorization-kubeconfig': config.path,
    'cluster-signing-cert-file': certificateOf(signer),
    'cluster-signing-key-file': keyOf(signer),
  };
  return [
    program,
    client,
    serving,
    signer,
    config,
    ...service(context, {
      component: 'kube-controller-manager',
      phase: PHASE,
      template: 'kube-controller-manager/kube-controller-manager.service.hbs',
      words: [program.link, ...flagWords(flagsOf(context, 'kube-controller-manager', flags))],
      // --root-ca-file and the ServiceAccount key are read once; signer and serving pair are read again.
      restartsOn: [program.id, config.id, ...clientInputs(client), fileId(PKI.rootCa), fileId(PKI.serviceAccountKey)],
    }),
  ];
}
