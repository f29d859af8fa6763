import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { hostsWith } from '../model/inventory.ts';
import type { File, Pair, Resource } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { etcdEndpoints } from './etcd.ts';
import { flagsOf, flagWords, type Flags } from './flags.ts';
import { caReadOnce, certificateOf, FRONT_PROXY_FLAGS, hostPair, keyOf, PKI, servingFlags, sharedPair } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { bundleFile, directory, pemFile, privateFile } from './resources.ts';
import { service } from './service.ts';
import { isAtLeast } from './versions.ts';

const PHASE = 'apiserver';
const AUDIT_POLICY = join(PLACES.kubernetes, 'audit-policy.yaml');
const AUTHENTICATION = join(PLACES.kubernetes, 'authentication.yaml');
const LOGS = '/var/log/kubernetes';

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

/** Files that the controller-manager and the scheduler of the host read as well. */
function sharedFiles({ inventory }: Context): { etcdCa: File; keys: File[]; rest: File[] } {
  const etcdCa = inventory.etcd.external === undefined ? 'etcd-ca' : externalEtcd.ca;
  return {
    etcdCa: pemFile(PHASE, PKI.etcdCa, { certificate: etcdCa, part: 'certificate' }),
    keys: [
      pemFile(PHASE, PKI.serviceAccountKey, { certificate: 'sa', part: 'key' }),
      pemFile(PHASE, PKI.serviceAccountPublicKey, { certificate: 'sa', part: 'public-key' }),
    ],
    rest: [
      bundleFile(PHASE, PKI.clientCa, ['ca', 'kubelet-signer']),
      pemFile(PHASE, PKI.frontProxyCa, { certificate: 'front-proxy-ca', part: 'certificate' }),
    ],
  };
}

/**
 * Without a certificate or token only the health paths answer. Structured authentication is GA since 1.34, and it
 * excludes the flags of the same matter, so an inventory that uses those gets no file.
 */
function authenticationFile(context: Context): File | undefined {
  const { args, config } = overrideOf(context, 'kube-apiserver');
  const usesFlags = [...Object.keys(args), ...Object.keys(config)].some(
    (name) => name === 'anonymous-auth' || name === 'authentication-config' || name.startsWith('oidc-'),
  );
  if (usesFlags || !isAtLeast(context.inventory.versions.kubernetes, '1.34')) return undefined;
  const document = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/readyz' }, { path: '/healthz' }] },
  };
  return privateFile(PHASE, AUTHENTICATION, context.write.yaml(document));
}

/** REFERENCE 9: a watched apiserver takes 61 s to restart by default, 2 s alone or 6 s behind a balancer with these. */
const shutdownFlags = ({ inventory }: Context): Flags => ({
  'shutdown-watch-termination-grace-period': '2s',
  ...(hostsWith(inventory, 'control-plane').length > 1 ? { 'shutdown-delay-duration': '4s' } : {}),
});

const AUDIT_FLAGS: Flags = {
  'audit-policy-file': AUDIT_POLICY,
  'audit-log-path': join(LOGS, 'audit.log'),
  'audit-log-maxage': '30',
  'audit-log-maxbackup': '10',
  'audit-log-maxsize': '100',
};

const serviceAccountFlags = ({ inventory }: Context): Flags => ({
  'service-account-issuer': `https://kubernetes.default.svc.${inventory.network.dnsDomain}`,
  'service-account-key-file': PKI.serviceAccountPublicKey,
  'service-account-signing-key-file': PKI.serviceAccountKey,
  'service-account-extend-token-expiration': 'false',
});

/** Flags that say whom the apiserver trusts and what it shows to others. */
const pairFlags = ({ serving, kubeletClient, etcdClient, frontProxyClient }: Pairs): Flags => ({
  ...servingFlags(serving),
  'client-ca-file': PKI.clientCa,
  'etcd-cafile': PKI.etcdCa,
  'etcd-certfile': certificateOf(etcdClient),
  'etcd-keyfile': keyOf(etcdClient),
  'kubelet-certificate-authority': PKI.ca,
  'kubelet-client-certificate': certificateOf(kubeletClient),
  'kubelet-client-key': keyOf(kubeletClient),
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
  'etcd-servers': etcdEndpoints(context).join(','),
  // By default the node's name is tried first, and times out where it does not resolve.
  'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
  profiling: 'false',
  'secure-port': String(context.inventory.apiPort),
  'service-cluster-ip-range': context.inventory.network.serviceCidr,
  ...serviceAccountFlags(context),
  ...shutdownFlags(context),
  ...AUDIT_FLAGS,
});

/** kube-apiserver of a control plane, with the keys and CA files that all programs of the control plane share. */
export function apiserverResources(context: Context): Resource[] {
  const apiserver = kubernetesProgram(context, 'kube-apiserver', PHASE);
  const pairs = pairsOf(context);
  const { etcdCa, keys, rest } = sharedFiles(context);
  const audit = privateFile(PHASE, AUDIT_POLICY, context.render('kube-apiserver/audit-policy.yaml.hbs'));
  const authentication = authenticationFile(context);
  // Its `anonymous` part is the one that needs a restart, and the only one kbin writes.
  const authenticationFiles = authentication === undefined ? [] : [authentication];
  const flags: Flags = {
    ...apiserverFlags(context),
    ...pairFlags(pairs),
    ...(authentication === undefined ? {} : { 'authentication-config': AUTHENTICATION }),
  };
  return [
    directory(PHASE, LOGS, '0700'),
    apiserver,
    ...Object.values<Pair>({ ...pairs }),
    etcdCa,
    ...keys,
    ...rest,
    audit,
    ...authenticationFiles,
    ...service(context, {
      component: 'kube-apiserver',
      phase: PHASE,
      template: 'kube-apiserver/kube-apiserver.service.hbs',
      words: [apiserver.link, ...flagWords(flagsOf(context, 'kube-apiserver', flags))],
      restartsOn: [
        ...[apiserver, etcdCa, ...keys, audit, ...authenticationFiles].map((resource) => resource.id),
        // --kubelet-certificate-authority is read again since 1.36.
        ...caReadOnce(context),
      ],
    }),
  ];
}
