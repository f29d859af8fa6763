import { minorOf } from '../catalog/versions.ts';
import { sha256 } from '../model/digest.ts';
import { ROLES, type ExternalEtcd, type Host, type Inventory, type Network, type Taint } from '../model/inventory.ts';
import { addressAt, parseCidr } from './cidr.ts';
import { DEFAULTS } from './defaults.ts';
import { encryptionOf } from './encryption.ts';
import { extraCertificates } from './extraCertificates.ts';
import { mergedComponents } from './merge.ts';
import { expandEntry } from './ranges.ts';
import type { Draft } from './schema/cluster.ts';
import { auditOf, authenticationOf, tlsOf } from './security.ts';
import { snapshotsOf } from './snapshots.ts';
import { sshSettings } from './sshSettings.ts';
import { found, pathIn, type World } from './world.ts';

/** Where an inventory comes from. */
export interface Origin {
  /** Absolute path. */
  file: string;
  text: string;
}

/** The inventory of a file without faults: ranges, pools and defaults are gone, everything is said of each host. */
export function expand(draft: Draft, world: World, origin: Origin): Inventory {
  const versions = versionsOf(draft);
  const apiPort = draft.apiPort ?? DEFAULTS.apiPort;
  const hosts = draft.hosts.flatMap((_, index) => hostsOf(draft, index, world));
  const first = hosts.find((host) => host.roles.includes('control-plane'));
  const external = draft.etcd?.external;
  return {
    file: origin.file,
    digest: sha256(origin.text),
    cluster: draft.name,
    versions,
    network: networkOf(draft),
    endpoint: {
      host: draft.endpoint?.host ?? first?.address ?? '',
      port: draft.endpoint?.port ?? apiPort,
    },
    apiPort,
    balancerPort: draft.balancerPort ?? DEFAULTS.balancerPort,
    etcd: {
      ...(external === undefined ? {} : { external: externalEtcd(external, world) }),
      snapshots: snapshotsOf(draft, world),
    },
    hosts,
    certificates: {
      algorithm: draft.certificates?.algorithm ?? DEFAULTS.certificates.algorithm,
      leafDays: draft.certificates?.leafDays ?? DEFAULTS.certificates.leafDays,
      caDays: draft.certificates?.caDays ?? DEFAULTS.certificates.caDays,
      apiserverSans: draft.certificates?.apiserverSans ?? [],
      kubeletServing: draft.certificates?.kubeletServing ?? DEFAULTS.certificates.kubeletServing,
      days: draft.certificates?.days ?? {},
      extra: extraCertificates(draft),
    },
    audit: auditOf(draft, world),
    tls: tlsOf(draft),
    authentication: authenticationOf(draft, world),
    encryption: encryptionOf(draft),
    images: {
      pause: draft.images?.pause ?? `${DEFAULTS.images.pause}:${versions.pause}`,
      coredns: draft.images?.coredns ?? `${DEFAULTS.images.coredns}:${versions.coredns}`,
      smoke: draft.images?.smoke ?? DEFAULTS.images.smoke,
    },
    preflight: {
      ignore: draft.preflight?.ignore ?? [],
      minimumCpus: draft.preflight?.minimumCpus ?? DEFAULTS.preflight.minimumCpus,
      minimumMemoryMiB: draft.preflight?.minimumMemoryMiB ?? DEFAULTS.preflight.minimumMemoryMiB,
      maximumClockSkewSeconds: draft.preflight?.maximumClockSkewSeconds ?? DEFAULTS.preflight.maximumClockSkewSeconds,
    },
    binDir: draft.binDir ?? DEFAULTS.binDir,
  };
}

function versionsOf({ versions }: Draft): Inventory['versions'] {
  const row = minorOf(versions.kubernetes);
  if (row === undefined) throw new Error(`the checks let Kubernetes ${versions.kubernetes} pass`);
  const given = Object.entries(versions).filter(([, version]) => version !== undefined);
  return { kubernetes: versions.kubernetes, haproxy: DEFAULTS.haproxy, ...row.defaults, ...Object.fromEntries(given) };
}

function networkOf({ network = {} }: Draft): Network {
  const serviceCidr = network.serviceCidr ?? DEFAULTS.network.serviceCidr;
  const services = parseCidr(serviceCidr);
  if (services === undefined) throw new Error(`the checks let ${serviceCidr} pass`);
  const cni = network.cni ?? { name: 'flannel' };
  return {
    podCidr: network.podCidr ?? DEFAULTS.network.podCidr,
    serviceCidr,
    nodePrefix: network.nodePrefix ?? DEFAULTS.network.nodePrefix,
    dnsDomain: network.dnsDomain ?? DEFAULTS.network.dnsDomain,
    dnsAddress: addressAt(services.cidr, 10),
    apiServiceAddress: addressAt(services.cidr, 1),
    proxyMode: network.proxyMode ?? DEFAULTS.network.proxyMode,
    cni: cni.name === 'none' ? cni : { name: 'flannel', backend: cni.backend ?? DEFAULTS.network.backend },
  };
}

function externalEtcd({ endpoints, ...files }: ExternalEtcd, world: World): ExternalEtcd {
  const path = (text: string): string => found(pathIn(world, text));
  return {
    endpoints,
    caFile: path(files.caFile),
    certFile: path(files.certFile),
    keyFile: path(files.keyFile),
  };
}

/** The hosts of one entry. */
function hostsOf(draft: Draft, index: number, world: World): Host[] {
  const entry = draft.hosts[index];
  if (entry === undefined) return [];
  const pool = entry.pool === undefined ? undefined : draft.pools?.[entry.pool];
  const roles = entry.roles ?? pool?.roles ?? [];
  const shared = {
    arch: entry.arch ?? pool?.arch ?? DEFAULTS.arch,
    // In one order, so that another order in the file is no change.
    roles: ROLES.filter((role) => roles.includes(role)),
    ...(entry.pool === undefined ? {} : { pool: entry.pool }),
    labels: { ...pool?.labels, ...entry.labels },
    taints: taintsOf([...(pool?.taints ?? []), ...(entry.taints ?? [])]),
    ssh: sshSettings([draft.ssh, pool?.ssh, entry.ssh], world),
    components: mergedComponents([draft.components, pool?.components, entry.components]),
  };
  return expandEntry(entry, index).hosts.map(({ name = '', address = '', sshAddress = address }) => ({
    name,
    address,
    sshAddress,
    ...shared,
  }));
}

/** A host's taint replaces its pool's of the same key and effect. */
function taintsOf(taints: NonNullable<Draft['hosts'][number]['taints']>): Taint[] {
  const byIdentity = new Map<string, Taint>();
  for (const { key, value, effect } of taints) {
    byIdentity.set(`${key}:${effect}`, { key, ...(value === undefined ? {} : { value }), effect });
  }
  return [...byIdentity.values()];
}
