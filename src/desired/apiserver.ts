import { hostsWith } from '../model/inventory.ts';
import type { File, Pair, Resource } from '../model/resource.ts';
import { auditParts } from './audit.ts';
import { authenticationParts } from './authentication.ts';
import type { Context } from './context.ts';
import { encryptionParts } from './encryption.ts';
import { etcdEndpoints } from './etcd.ts';
import { flagsOf, flagWords, type Flags } from './flags.ts';
import { certificateOf, FRONT_PROXY_FLAGS, hostPair, keyOf, PKI, servingFlags, sharedPair } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { fileId, pemFile, trustFile } from './resources.ts';
import { service, startCopy } from './service.ts';

const PHASE = 'apiserver';
const COMPONENT = 'kube-apiserver';

/** Certificates of somebody else's etcd are in the store under these names. */
const externalEtcd = { ca: 'external-etcd-ca', client: 'external-etcd-client' } as const;

interface Pairs {
  serving: Pair;
  kubeletClient: Pair;
  etcdClient: Pair;
  frontProxyClient: Pair;
}

function pairsOf(context: Context): Pairs {
  const isExternal = context.inventory.etcd.external !== undefined;
  return {
    serving: hostPair(context, PHASE, 'apiserver'),
    kubeletClient: hostPair(context, PHASE, 'apiserver-kubelet-client'),
    etcdClient: isExternal ? sharedPair(PHASE, externalEtcd.client) : hostPair(context, PHASE, 'apiserver-etcd-client'),
    frontProxyClient: hostPair(context, PHASE, 'front-proxy-client'),
  };
}

/** Whoever may have signed what kubelets serve with, where that is not the Kubernetes CA alone. */
const kubeletCa = ({ inventory }: Context): File[] =>
  inventory.certificates.kubeletServing === 'kbin' ? [] : [trustFile(PHASE, PKI.kubeletCa, ['ca', 'kubelet-signer'])];

/** Files that the controller-manager and the scheduler of the host read as well. */
function sharedFiles({ inventory }: Context): { etcdCa: File; keys: File[]; rest: File[] } {
  const etcdCa = inventory.etcd.external === undefined ? 'etcd-ca' : externalEtcd.ca;
  return {
    etcdCa: trustFile(PHASE, PKI.etcdCa, [etcdCa]),
    keys: [
      pemFile(PHASE, PKI.serviceAccountKey, { certificate: 'sa', part: 'key' }),
      trustFile(PHASE, PKI.serviceAccountPublicKey, ['sa']),
    ],
    rest: [
      trustFile(PHASE, PKI.clientCa, ['ca', 'kubelet-signer']),
      trustFile(PHASE, PKI.frontProxyCa, ['front-proxy-ca']),
    ],
  };
}

/** REFERENCE 9: a watched apiserver takes 61 s to restart by default, 2 s alone or 6 s behind a balancer with these. */
const shutdownFlags = ({ inventory }: Context): Flags => ({
  'shutdown-watch-termination-grace-period': '2s',
  ...(hostsWith(inventory, 'control-plane').length > 1 ? { 'shutdown-delay-duration': '4s' } : {}),
});

const serviceAccountFlags = ({ inventory }: Context): Flags => ({
  'service-account-issuer': `https://kubernetes.default.svc.${inventory.network.dnsDomain}`,
  'service-account-key-file': PKI.serviceAccountPublicKey,
  'service-account-signing-key-file': PKI.serviceAccountKey,
  'service-account-extend-token-expiration': 'false',
});

/** Flags that say whom the apiserver trusts and what it shows to others. */
const pairFlags = (context: Context, { serving, etcdClient, frontProxyClient }: Pairs): Flags => ({
  ...servingFlags(context, serving),
  'client-ca-file': PKI.clientCa,
  'etcd-cafile': PKI.etcdCa,
  'etcd-certfile': certificateOf(etcdClient),
  'etcd-keyfile': keyOf(etcdClient),
  'kubelet-certificate-authority': kubeletCa(context)[0]?.path ?? PKI.ca,
  'kubelet-client-certificate': certificateOf(startCopy(COMPONENT)),
  'kubelet-client-key': keyOf(startCopy(COMPONENT)),
  'proxy-client-cert-file': certificateOf(frontProxyClient),
  'proxy-client-key-file': keyOf(frontProxyClient),
  ...FRONT_PROXY_FLAGS,
  'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
  'requestheader-group-headers': 'X-Remote-Group',
  'requestheader-username-headers': 'X-Remote-User',
});

/** REFERENCE 2. */
const apiserverFlags = (context: Context): Flags => ({
  'advertise-address': context.host.address,
  'allow-privileged': 'true',
  'authorization-mode': 'Node,RBAC',
  'enable-admission-plugins': 'NodeRestriction',
  'enable-bootstrap-token-auth': 'true',
  'etcd-servers': etcdEndpoints(context).join(','),
  // By default the node's name is tried first, and times out where it does not resolve.
  'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
  profiling: 'false',
  'secure-port': String(context.inventory.apiPort),
  'service-cluster-ip-range': context.inventory.network.serviceCidr,
  ...serviceAccountFlags(context),
  ...shutdownFlags(context),
});

/** kube-apiserver of a control plane, with the keys and CA files that all programs of the control plane share. */
export function apiserverResources(context: Context): Resource[] {
  const apiserver = kubernetesProgram(context, 'kube-apiserver', PHASE);
  const pairs = pairsOf(context);
  const { etcdCa, keys, rest } = sharedFiles(context);
  const audit = auditParts(context);
  const authentication = authenticationParts(context);
  const encryption = encryptionParts(context);
  const flags: Flags = {
    ...apiserverFlags(context),
    ...pairFlags(context, pairs),
    ...audit.flags,
    ...authentication.flags,
    ...encryption.flags,
  };
  // Issuers are read again, but one that is refused then is only logged, and keeps the next start from coming up: a
  // restart shows it at the first apiserver's gate. The `anonymous` part needs a restart anyway.
  const readOnce = [...audit.files, ...authentication.files, ...encryption.files, ...kubeletCa(context)];
  return [
    ...audit.directories,
    ...encryption.plugins,
    apiserver,
    ...Object.values<Pair>({ ...pairs }),
    etcdCa,
    ...keys,
    ...rest,
    ...readOnce,
    ...service(context, {
      component: COMPONENT,
      phase: PHASE,
      template: 'kube-apiserver/kube-apiserver.service.hbs',
      words: [apiserver.link, ...flagWords(flagsOf(context, 'kube-apiserver', flags))],
      // client-go closes all connections to kubelets when a handshake finds another pair, that handshake's own among them: an
      // exec or a log would fail (transport/cert_rotation.go). The pair of a program that starts anew was never another.
      copies: pairs.kubeletClient,
      restartsOn: [...[apiserver, etcdCa, ...keys, ...readOnce].map((resource) => resource.id), fileId(PKI.ca)],
    }),
  ];
}
