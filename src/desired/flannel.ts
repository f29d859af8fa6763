import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { clientInputs } from './pki.ts';
import { programs } from './programs.ts';
import { directory, textFile } from './resources.ts';
import { service } from './service.ts';

const PHASE = 'network';
const FOLDER = join(PLACES.kubernetes, 'flannel');

/** What kube-flannel.yml of flannel's releases has, with the packet filter that kube-proxy uses. */
function cniConfig({ inventory }: Context): JsonObject {
  const backend = inventory.network.proxyMode;
  return {
    name: 'cbr0',
    cniVersion: '0.3.1',
    plugins: [
      { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
      { type: 'portmap', backend, capabilities: { portMappings: true } },
    ],
  };
}

const netConfig = ({ inventory }: Context, backend: string): JsonObject => ({
  Network: inventory.network.podCidr,
  EnableNFTables: inventory.network.proxyMode === 'nftables',
  Backend: { Type: backend },
});

/** flanneld as a program of the host, and the CNI configuration that makes a Node Ready; nothing with `cni: none`. */
export function flannelResources(context: Context): Resource[] {
  const { cni } = context.inventory.network;
  if (cni.name === 'none') return [];
  const [flanneld, ...others] = programs(context, 'flannel', PHASE);
  if (flanneld === undefined) throw new Error('flannel has no program in the catalog');
  const { file: access, client } = kubeconfig(context, { phase: PHASE, name: 'flannel', server: 'balancer' });
  const netConf = textFile(
    PHASE,
    join(FOLDER, 'net-conf.json'),
    context.write.json(merged(netConfig(context, cni.backend), overrideOf(context, 'flannel').config)),
  );
  const flags = flagsOf(context, 'flannel', {
    iface: context.host.address,
    'ip-masq': 'true',
    'kube-subnet-mgr': 'true',
    'kubeconfig-file': access.path,
    'net-config-path': netConf.path,
  });
  return [
    directory(PHASE, FOLDER, '0755'),
    flanneld,
    ...others,
    client,
    access,
    netConf,
    textFile(PHASE, join(PLACES.cniConfig, '10-flannel.conflist'), context.write.json(cniConfig(context))),
    ...service(context, {
      component: 'flannel',
      phase: PHASE,
      template: 'flannel/flanneld.service.hbs',
      words: [flanneld.link, ...flagWords(flags)],
      environment: { NODE_NAME: context.host.name },
      restartsOn: [flanneld.id, netConf.id, access.id, ...clientInputs(client)],
    }),
  ];
}
