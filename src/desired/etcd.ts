import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { hostsWith } from '../model/inventory.ts';
import type { Pair, Resource } from '../model/resource.ts';
import { hostPort, type Context } from './context.ts';
import { flagsOf, flagWords, type Flags } from './flags.ts';
import { certificateOf, keyOf } from './pki.ts';
import { program, programs } from './programs.ts';
import { directory, ownedBy, trustFile, textFile } from './resources.ts';
import { service } from './service.ts';
import { environmentFileLine } from './systemd.ts';
import { isAtLeast } from './versions.ts';

const OWNER = 'etcd:etcd';
const CA = join(PLACES.etcdPki, 'ca.crt');
const INITIAL = join(PLACES.etcdConfig, 'initial.env');
/** 4 GiB: twice the default, and half of the advised most, which leaves room when a full store must be freed. */
const QUOTA_BYTES = 4 * 1024 ** 3;

const url = (address: string, port: number): string => `https://${hostPort(address, port)}`;

/** Client URLs of all members. */
export const etcdEndpoints = ({ inventory }: Context): string[] =>
  inventory.etcd.external?.endpoints ?? hostsWith(inventory, 'etcd').map((host) => url(host.address, 2379));

const etcdPair = ({ host }: Context, name: string): Pair => {
  const path = join(PLACES.etcdPki, name);
  return {
    id: `pair:${path}`,
    kind: 'pair',
    phase: 'etcd',
    path,
    pairsDir: PLACES.etcdPairs,
    owner: OWNER,
    certificate: `etcd-${name}@${host.name}`,
  };
};

/** etcd 3.6 gave the experimental flags of 3.5 new names; the old and the new one together abort the start. */
const checkFlags = ({ inventory }: Context): Flags =>
  isAtLeast(inventory.versions.etcd, '3.6')
    ? { 'feature-gates': 'InitialCorruptCheck=true', 'watch-progress-notify-interval': '5s' }
    : { 'experimental-initial-corrupt-check': 'true', 'experimental-watch-progress-notify-interval': '5s' };

/** etcd's names for versions are its own; with TLS 1.3 alone it does not start when it is given suites. */
const tlsFlags = ({ tls }: Context['inventory']): Flags => ({
  'tls-min-version': tls.minVersion === 'VersionTLS13' ? 'TLS1.3' : 'TLS1.2',
  ...(tls.cipherSuites.length === 0 ? {} : { 'cipher-suites': tls.cipherSuites.join(',') }),
});

/**
 * Flags and not a configuration file, because etcd ignores every flag when it has a file: `args` of the inventory would
 * do nothing.
 */
function etcdFlags({ inventory, host }: Context, server: Pair, peer: Pair): Flags {
  return {
    name: host.name,
    'data-dir': PLACES.etcdData,
    'listen-client-urls': `${url(host.address, 2379)},${url('127.0.0.1', 2379)}`,
    'advertise-client-urls': url(host.address, 2379),
    'listen-peer-urls': url(host.address, 2380),
    'initial-advertise-peer-urls': url(host.address, 2380),
    'listen-metrics-urls': 'http://127.0.0.1:2381',
    'cert-file': certificateOf(server),
    'key-file': keyOf(server),
    'trusted-ca-file': CA,
    'client-cert-auth': 'true',
    'peer-cert-file': certificateOf(peer),
    'peer-key-file': keyOf(peer),
    'peer-trusted-ca-file': CA,
    'peer-client-cert-auth': 'true',
    ...tlsFlags(inventory),
    'quota-backend-bytes': String(QUOTA_BYTES),
  };
}

/**
 * The first membership, in a file of its own: etcd ignores it once it has a write-ahead log, so a member that joins
 * must not change what the others run with.
 */
function initialCluster({ inventory, render }: Context): string {
  const members = hostsWith(inventory, 'etcd').map((host) => `${host.name}=${url(host.address, 2380)}`);
  return render('etcd/initial.env.hbs', {
    lines: [
      environmentFileLine('ETCD_INITIAL_CLUSTER', members.join(',')),
      environmentFileLine('ETCD_INITIAL_CLUSTER_STATE', 'new'),
      environmentFileLine('ETCD_INITIAL_CLUSTER_TOKEN', `kbin-${inventory.cluster}`),
    ],
  });
}

/** A member of the cluster's etcd; nothing where somebody else runs etcd. */
export function etcdResources(context: Context): Resource[] {
  if (context.inventory.etcd.external !== undefined) return [];
  const etcd = program(context, 'etcd', 'etcd');
  const server = etcdPair(context, 'server');
  const peer = etcdPair(context, 'peer');
  const ca = ownedBy(OWNER, trustFile('etcd', CA, ['etcd-ca']));
  const base = { ...etcdFlags(context, server, peer), ...checkFlags(context) };
  const flags = flagsOf(context, 'etcd', base);
  return [
    directory('etcd', PLACES.etcdConfig, '0755'),
    ownedBy(OWNER, directory('etcd', PLACES.etcdPki, '0700')),
    ownedBy(OWNER, directory('etcd', PLACES.etcdPairs, '0700')),
    ownedBy(OWNER, directory('etcd', PLACES.etcdData, '0700')),
    ...programs(context, 'etcd', 'etcd'),
    ca,
    server,
    peer,
    textFile('etcd', INITIAL, initialCluster(context)),
    ...service(context, {
      component: 'etcd',
      phase: 'etcd',
      template: 'etcd/etcd.service.hbs',
      words: [etcd.link, ...flagWords(flags)],
      // Pairs are read on every handshake; CA files only at the start.
      restartsOn: [etcd.id, ca.id],
      start: 'queued',
    }),
  ];
}
