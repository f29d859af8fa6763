import { z } from 'zod';
import type { Inventory } from '../../model/inventory.ts';
import { DEFAULTS } from '../defaults.ts';
import { authentication } from './authentication.ts';
import { clusterComponents } from './components.ts';
import { encryption } from './encryption.ts';
import { singleCertificates } from './extraCertificates.ts';
import { hosts, pools } from './hosts.ts';
import { endpoint, network } from './network.ts';
import { audit, tls } from './security.ts';
import { snapshots } from './snapshots.ts';
import { ssh } from './ssh.ts';
import { certificateName, hostPath, image, imageOrNone, label, localPath } from './texts.ts';
import { versions } from './versions.ts';
import { choice, list, may, must, port, section, text, whole, wrong } from './words.ts';

const file = 'PEM file on the operator’s machine.';
const external = section({
  endpoints: must(
    list(
      text(
        /^https:\/\/(?:[A-Za-z0-9](?:[-.A-Za-z0-9]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
        'an https URL with a port',
        'Write it without a path, such as https://10.0.0.5:2379.',
      ),
      'Write a list of URLs.',
    ).min(1, { error: 'an empty list.\nWrite a list of URLs.' }),
    'Client URLs of its members.',
    { examples: [['https://10.0.0.5:2379']] },
  ),
  caFile: must(localPath(), `Certificate of its authority. ${file}`),
  certFile: must(localPath(), `Client certificate for the API servers. ${file}`),
  keyFile: must(localPath(), `Key of that certificate. ${file}`),
}).meta({ id: 'ExternalEtcd', description: 'etcd that somebody else runs.' });

const ALGORITHMS = [
  'ECDSA-P256',
  'ECDSA-P384',
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
] as const satisfies readonly Inventory['certificates']['algorithm'][];

const certificates = section({
  algorithm: may(choice(ALGORITHMS, 'a key algorithm'), 'Kind of all keys.', {
    default: DEFAULTS.certificates.algorithm,
  }),
  leafDays: may(whole(1, 36500, 'a number of days'), 'Lifetime of certificates.', {
    default: DEFAULTS.certificates.leafDays,
  }),
  caDays: may(whole(1, 36500, 'a number of days'), 'Lifetime of the authorities.', {
    default: DEFAULTS.certificates.caDays,
  }),
  apiserverSans: may(
    list(certificateName(), 'Write names and addresses.'),
    'Further names and addresses in the API servers’ certificate. Hosts and endpoint are in it anyway.',
    { default: [], examples: [['api.internal.example.com']] },
  ),
  kubeletServing: may(
    choice(['kbin', 'kubelet'], 'a maker of serving certificates'),
    'Who makes what kubelets serve with. kbin: it is issued and renewed as every other certificate. kubelet: each asks the cluster for it, and kbin approves what fits the host’s entry here.',
    { default: DEFAULTS.certificates.kubeletServing },
  ),
  ...singleCertificates,
});

const images = section({
  pause: may(image('registry.k8s.io/pause:3.10.2'), 'Image in which every pod is wrapped.', {
    otherwise: `${DEFAULTS.images.pause} with versions.pause`,
  }),
  coredns: may(image('registry.k8s.io/coredns/coredns:v1.14.2'), 'Image of the cluster’s DNS.', {
    otherwise: `${DEFAULTS.images.coredns} with versions.coredns`,
  }),
  smoke: may(
    imageOrNone(DEFAULTS.images.smoke),
    'Image of the pods that prove the cluster and are removed again. `none`: no pods; each node’s host then has to reach every CoreDNS pod and the DNS Service.',
    { default: DEFAULTS.images.smoke },
  ),
});

const preflight = section({
  ignore: may(
    list(
      text(
        /^[a-z][a-z0-9-]*$/,
        'the id of a preflight check',
        'Write an id as the preflight prints it, such as memory.',
      ),
      'Write ids of preflight checks.',
    ),
    'Ids of preflight checks that do not count.',
    { default: [], examples: [['duplicate-product-uuid']] },
  ),
  minimumCpus: may(whole(0, 1024, 'a number of CPUs'), 'CPUs that a control-plane host needs.', {
    default: DEFAULTS.preflight.minimumCpus,
  }),
  minimumMemoryMiB: may(whole(0, 16777216, 'an amount of memory'), 'Memory that a control-plane host needs, in MiB.', {
    default: DEFAULTS.preflight.minimumMemoryMiB,
  }),
  maximumClockSkewSeconds: may(
    whole(0, 300, 'a time in seconds'),
    'How far a host’s clock may be from the operator’s.',
    { default: DEFAULTS.preflight.maximumClockSkewSeconds },
  ),
});

const literal = <const Word extends string>(word: Word) => z.literal(word, { error: wrong(word, `Write ${word}.`) });

/** The whole file. Checks, schema.json and docs/reference.md all come from it. */
export const cluster = section({
  apiVersion: must(literal('kbin.dev/v1'), 'Version of this format.'),
  kind: must(literal('Cluster'), 'What the file describes.'),
  name: must(label('a cluster name'), 'Name of the cluster.', { examples: ['prod'] }),
  versions: must(versions, 'Versions. Usually only kubernetes is named.'),
  network: may(network, 'Addresses and the network plugin.'),
  endpoint: may(endpoint, 'Where clients outside the nodes reach the API.', {
    otherwise: 'the first control-plane host, at apiPort',
  }),
  apiPort: may(port(), 'Port of every kube-apiserver.', { default: DEFAULTS.apiPort }),
  balancerPort: may(port(), 'Port of the node-local balancer, on 127.0.0.1.', { default: DEFAULTS.balancerPort }),
  binDir: may(hostPath(), 'Directory on the hosts for the links to programs.', { default: DEFAULTS.binDir }),
  ssh: may(ssh, 'How the hosts are reached.'),
  etcd: may(
    section({
      external: may(external, 'etcd that somebody else runs, instead of hosts with the role etcd.'),
      snapshots: may(snapshots, 'Where snapshots of etcd lie, and how many stay.'),
    }),
    'Where the API servers keep their state.',
  ),
  certificates: may(certificates, 'Keys and lifetimes.'),
  audit: may(audit, 'What the API servers record of every request, and where.'),
  tls: may(tls, 'What servers of Kubernetes and etcd offer.'),
  authentication: may(authentication, 'Who is known to the API servers beside certificates and ServiceAccounts.'),
  encryption: may(
    encryption,
    'How the API servers encrypt what they store. A change is carried out by kbin certs rotate-encryption.',
  ),
  images: may(images, 'Images that the cluster itself needs. They must be in the cache under these references.'),
  preflight: may(preflight, 'Limits of the checks before a deploy.'),
  components: may(clusterComponents, 'Changes to components on all hosts.'),
  pools: may(pools, 'Settings that several hosts share, by name.'),
  hosts: must(hosts, 'The machines.'),
});

/** A sound file. No default is applied yet. */
export type Draft = z.output<typeof cluster>;
