import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { clientInputs } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { hostProgram, textFile } from './resources.ts';
import { service } from './service.ts';

const PHASE = 'node';

/** REFERENCE 2. */
const proxyConfig = ({ inventory, host }: Context, kubeconfigPath: string): JsonObject => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig: kubeconfigPath },
  clusterCIDR: inventory.network.podCidr,
  // Load balancers outside ask this port which nodes have endpoints.
  healthzBindAddress: '0.0.0.0:10256',
  // Must be the Node's name, or kube-proxy takes no endpoint for local.
  hostnameOverride: host.name,
  metricsBindAddress: '127.0.0.1:10249',
  mode: inventory.network.proxyMode,
  nodePortAddresses: ['primary'],
});

/** kube-proxy of a node, and the packet filter program that it runs: without it, it exits at once. */
export function kubeProxyResources(context: Context): Resource[] {
  const { inventory, host } = context;
  const proxy = kubernetesProgram(context, 'kube-proxy', PHASE);
  const { file: access, client } = kubeconfig(context, { phase: PHASE, name: 'kube-proxy', server: 'balancer' });
  const config = textFile(
    PHASE,
    join(PLACES.kubernetes, 'kube-proxy.yaml'),
    context.write.yaml(merged(proxyConfig(context, access.path), overrideOf(context, 'kube-proxy').config)),
  );
  const flags = flagsOf(context, 'kube-proxy', { config: config.path, 'hostname-override': host.name });
  return [
    hostProgram(PHASE, inventory.network.proxyMode === 'nftables' ? 'nft' : 'iptables'),
    proxy,
    client,
    access,
    config,
    ...service(context, {
      component: 'kube-proxy',
      phase: PHASE,
      template: 'kube-proxy/kube-proxy.service.hbs',
      words: [proxy.link, ...flagWords(flags)],
      restartsOn: [proxy.id, config.id, access.id, ...clientInputs(client)],
    }),
  ];
}
