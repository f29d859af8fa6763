import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import { CONTAINERD_SOCKET } from './containerd.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { servingParts } from './kubeletServing.ts';
import { merged } from './merge.ts';
import { PKI } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { directory, fileId, pemFile, textFile } from './resources.ts';
import { service } from './service.ts';
import { taintsOf } from './taints.ts';

const PHASE = 'node';
/** Where the kubelet keeps the client certificate that it renews; it goes before the one in its kubeconfig (REFERENCE 1.2). */
const OWN_CLIENT = join(PLACES.kubelet, 'pki/kubelet-client-current.pem');

/** REFERENCE 2; only what differs from the kubelet's defaults or must not follow a change of them. */
const kubeletConfig = ({ inventory, host }: Context, serving: JsonObject): JsonObject => ({
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
  ...(inventory.tls.cipherSuites.length === 0 ? {} : { tlsCipherSuites: inventory.tls.cipherSuites }),
  tlsMinVersion: inventory.tls.minVersion,
  ...serving,
});

/** kubelet of a node. Its client certificate is kbin's at the first start only. */
export function kubeletResources(context: Context): Resource[] {
  const kubelet = kubernetesProgram(context, 'kubelet', PHASE);
  const { file: access, client } = kubeconfig(context, { phase: PHASE, name: 'kubelet', server: 'balancer' });
  const serving = servingParts(context, PHASE);
  const config = textFile(
    PHASE,
    join(PLACES.kubernetes, 'kubelet.yaml'),
    context.write.yaml(merged(kubeletConfig(context, serving.config), overrideOf(context, 'kubelet').config)),
  );
  const flags = flagsOf(context, 'kubelet', {
    config: config.path,
    'hostname-override': context.host.name,
    kubeconfig: access.path,
    'node-ip': context.host.address,
  });
  // Started anew it asks for new tokens of all its pods, signed by the new key: without that they would last an hour.
  const tokenKey = pemFile(PHASE, join(PLACES.pki, 'sa-signer.pub'), { certificate: 'sa', part: 'public-key' });
  return [
    directory(PHASE, PLACES.kubelet, '0750'),
    tokenKey,
    kubelet,
    client,
    serving.resource,
    access,
    config,
    {
      id: `renewed:${OWN_CLIENT}`,
      kind: 'renewed',
      phase: PHASE,
      path: OWN_CLIENT,
      unit: 'kubelet.service',
      signers: ['kubelet-signer', 'ca'],
    },
    ...service(context, {
      component: 'kubelet',
      phase: PHASE,
      template: 'kubelet/kubelet.service.hbs',
      words: [kubelet.link, ...flagWords(flags)],
      // The serving pair is read again. Its client pair is the first one only: the kubelet renews it by itself.
      restartsOn: [kubelet.id, config.id, access.id, fileId(PKI.ca), tokenKey.id],
    }),
  ];
}
