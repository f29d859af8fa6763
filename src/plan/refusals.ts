import type { Facts } from '../model/facts.ts';
import { hasRole, hostsWith, type Inventory } from '../model/inventory.ts';
import { isFormed } from './quorum.ts';

export interface Refusal {
  host: string;
  message: string;
  fix: string;
}

const ETCD_DATA = '/var/lib/etcd/member';

/** The operator has no CA, but the hosts carry a cluster: a fresh CA would lock everybody out of it. */
function lostStore({ facts }: Ground): Refusal[] {
  if (facts.local.clusterId !== null) return [];
  return Object.entries(facts.hosts).flatMap(([host, { owned }]) =>
    owned === null || owned.cluster.id === ''
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

function otherCluster({ facts }: Ground): Refusal[] {
  const id = facts.local.clusterId;
  if (id === null) return [];
  return Object.entries(facts.hosts).flatMap(([host, { owned }]) =>
    owned === null || owned.cluster.id === id || owned.cluster.id === ''
      ? []
      : [
          {
            host,
            message: `belongs to another cluster: ${owned.cluster.name} (${owned.cluster.id}), this one is ${id}`,
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

interface Ground {
  inventory: Inventory;
  facts: Facts;
}

/** Reasons for which nothing at all may be changed. Existing data is sacred. */
export const refusals = (ground: Ground): Refusal[] => [
  ...lostStore(ground),
  ...otherCluster(ground),
  ...lostMember(ground),
  ...droppedMember(ground),
];
