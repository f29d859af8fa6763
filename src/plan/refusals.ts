import { minorOf } from '../catalog/versions.ts';
import { PLACES } from '../catalog/places.ts';
import type { Facts, Owned } from '../model/facts.ts';
import { hasRole, hostsWith, type Inventory } from '../model/inventory.ts';
import { isFormed } from './quorum.ts';

export interface Refusal {
  host: string;
  message: string;
  fix: string;
}

const ETCD_DATA = '/var/lib/etcd/member';

/** The operator has no CA, but the hosts carry a cluster: a fresh CA would lock everybody out of it. */
function lostStore({ inventory, facts }: Ground): Refusal[] {
  if (facts.local.clusterId !== null) return [];
  return Object.entries(facts.hosts).flatMap(([host, { owned }]) =>
    owned === null || owned.cluster.id === '' || owned.cluster.name !== inventory.cluster
      ? []
      : [
          {
            host,
            message: `belongs to cluster ${owned.cluster.name} (${owned.cluster.id}), but the certificate store here has no CA`,
            fix: 'Put the cluster’s certificate store back (from the other operator or a backup). Nothing was generated.',
          },
        ],
  );
}

/** A new key over objects that another one encrypts: nobody could read them any more. */
function lostEncryption({ facts }: Ground): Refusal[] {
  if (facts.local.encryption !== undefined || facts.local.clusterId === null) return [];
  return Object.entries(facts.hosts)
    .filter(([, { owned }]) => owned?.paths.includes(PLACES.encryption) === true)
    .map(([host]) => ({
      host,
      message: `has ${PLACES.encryption}, but the certificate store here does not know how stored objects are encrypted`,
      fix: 'Put encryption.json back into the store (from the other operator or a backup). Nothing was generated.',
    }));
}

function otherCluster({ inventory, facts }: Ground): Refusal[] {
  const id = facts.local.clusterId;
  const isOurs = ({ cluster }: Owned): boolean =>
    cluster.id === '' || cluster.id === id || (id === null && cluster.name === inventory.cluster);
  return Object.entries(facts.hosts).flatMap(([host, { owned }]) =>
    owned === null || isOurs(owned)
      ? []
      : [
          {
            host,
            message: `belongs to another cluster: ${owned.cluster.name} (${owned.cluster.id}), this one is ${inventory.cluster} (${id ?? 'new'})`,
            fix: `Take it out of the inventory, or reset it from the inventory of ${owned.cluster.name}.`,
          },
        ],
  );
}

/** A member without data has lost it or is new: starting it in state `new` could give it a vote it has already cast. */
function lostMember({ inventory, facts }: Ground): Refusal[] {
  if (inventory.etcd.external !== undefined || !isFormed({ inventory, facts })) return [];
  return hostsWith(inventory, 'etcd').flatMap(({ name }) => {
    const own = facts.hosts[name];
    if (own === undefined || own.leftovers.includes(ETCD_DATA)) return [];
    return [
      {
        host: name,
        message: `is to be an etcd member, but has no data in ${ETCD_DATA} while the cluster is already formed`,
        fix: 'A lost or new member must be removed and added as a learner; starting it as new could lose data. Give it back its disk, or take the role etcd from it.',
      },
    ];
  });
}

/** Some members may hold the old data and some the restored: what starts them must be the restore. */
const restoring = ({ facts }: Ground): Refusal[] =>
  Object.entries(facts.hosts).flatMap(([host, { restoring: run }]) =>
    run === undefined
      ? []
      : [
          {
            host,
            message: `is in the midst of a restore of etcd (${run})`,
            fix: 'Go on with it: kbin etcd restore SNAPSHOT; or go back: kbin etcd restore --undo.',
          },
        ],
  );

/** Members that the inventory no longer names would keep their vote. */
function droppedMember({ inventory, facts }: Ground): Refusal[] {
  return inventory.hosts
    .filter((host) => !hasRole(host, 'etcd') && facts.hosts[host.name]?.owned?.units.includes('etcd.service') === true)
    .map((host) => ({
      host: host.name,
      message: 'is an etcd member, but the inventory takes the role from it',
      fix: 'Give the role back: removing a member is a procedure of its own, which must keep quorum.',
    }));
}

/** Version of Kubernetes that a host's links lead to. */
const installed = (facts: Facts, host: string): string | undefined =>
  Object.values(facts.hosts[host]?.paths ?? {})
    .map(({ target }) => target?.startsWith(`${PLACES.versions}/kubernetes/`) === true && target.split('/')[4])
    .find((version) => typeof version === 'string');

/** A kubelet's minor may only change on a drained node, and minors are taken one at a time behind an etcd snapshot. */
function otherMinor({ inventory, facts }: Ground): Refusal[] {
  const wanted = inventory.versions.kubernetes;
  return inventory.hosts.flatMap(({ name }) => {
    const running = installed(facts, name);
    if (running === undefined || minorOf(running) === minorOf(wanted)) return [];
    return [
      {
        host: name,
        message: `runs Kubernetes ${running}, the inventory says ${wanted}: deploy does not change the minor version`,
        fix: `Write versions.kubernetes: ${running}. Upgrades with drain, skew rules and snapshot are a procedure of their own.`,
      },
    ];
  });
}

interface Ground {
  inventory: Inventory;
  facts: Facts;
}

/** Reasons for which nothing at all may be changed. Existing data is sacred. */
export const refusals = (ground: Ground): Refusal[] => [
  ...lostStore(ground),
  ...lostEncryption(ground),
  ...otherCluster(ground),
  ...restoring(ground),
  ...lostMember(ground),
  ...droppedMember(ground),
  ...otherMinor(ground),
];
