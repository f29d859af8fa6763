import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { Pair, Resource } from '../model/resource.ts';
import { CONTAINERD_SOCKET } from './containerd.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { caReadOnce, certificateOf, CIPHER_SUITES, hostPair, keyOf, PKI } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { directory, textFile } from './resources.ts';
import { service } from './service.ts';
import { taintsOf } from './taints.ts';

const PHASE = 'node';

/** REFERENCE 2; only what differs from the kubelet's defaults or must not follow a change of them. */
const kubeletConfig = ({ inventory, host }: Context, serving: Pair): JsonObject => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: PKI.ca },
  },
  authorization: { mode: 'Webhook' },
  cgroupDriver: 'systemd',
  clusterDNS: [inventory.network.dnsAddress],
  clusterDomain: inventory.network.dnsDomain,
  containerRuntimeEndpoint: CONTAINERD_SOCKET,
  failSwapOn: true,
  readOnlyPort: 0,
  registerWithTaints: taintsOf(host).map(({ key, value, effect }) => ({
    key,
    ...(value === undefined ? {} : { value }),
    effect,
  })),
  resolvConf: '/etc/resolv.conf',
  // From its first start on, the kubelet is the one owner of its client certificate and renews it.
  rotateCertificates: true,
  tlsCertFile: certificateOf(serving),
  tlsPrivateKeyFile: keyOf(serving),
  tlsCipherSuites: [...CIPHER_SUITES],
  tlsMinVersion: 'VersionTLS12',
});

/** kubelet of a node. Its client certificate is kbin's at the first start only. */
export function kubeletResources(context: Context): Resource[] {
  const kubelet = kubernetesProgram(context, 'kubelet', PHASE);
  const { file: access, client } = kubeconfig(context, { phase: PHASE, name: 'kubelet', server: 'balancer' });
  const serving = hostPair(context, PHASE, 'kubelet-serving');
  const config = textFile(
    PHASE,
    join(PLACES.kubernetes, 'kubelet.yaml'),
    context.write.yaml(merged(kubeletConfig(context, serving), overrideOf(context, 'kubelet').config)),
  );
  const flags = flagsOf(context, 'kubelet', {
    config: config.path,
    'hostname-override': context.host.name,
    kubeconfig: access.path,
    'node-ip': context.host.address,
  });
  return [
    directory(PHASE, PLACES.kubelet, '0750'),
    kubelet,
    client,
    serving,
    access,
    config,
    ...service(context, {
      component: 'kubelet',
      phase: PHASE,
      template: 'kubelet/kubelet.service.hbs',
      words: [kubelet.link, ...flagWords(flags)],
      // The serving pair is read again; clientCAFile since 1.36.
      restartsOn: [kubelet.id, config.id, access.id, ...caReadOnce(context)],
    }),
  ];
}
