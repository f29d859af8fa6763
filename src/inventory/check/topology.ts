import type { Role } from '../../model/inventory.ts';
import { keyComplaint, type Complaint } from '../fault.ts';
import { entriesOf, rolesOf, type Check, type Ground } from './ground.ts';

/** How many hosts have each role; undefined when something is wrong that decides it: counting would only mislead. */
function roleCounts({ draft, hosts, known }: Ground): Record<Role, number> | undefined {
  const decides = ['name', 'address', 'sshAddress', 'roles', 'pool'];
  const isWrong = known.some(({ path: [section, , key], path, at }) => {
    if (section === 'pools') return path.length <= 2 || key === 'roles';
    return (
      section === 'hosts' && (path.length <= 2 || (at === 'key' && path.length === 3) || decides.includes(String(key)))
    );
  });
  if (isWrong || entriesOf(draft).length === 0) return undefined;
  const counts: Record<Role, number> = { etcd: 0, 'control-plane': 0, worker: 0 };
  for (const { entry } of hosts) {
    const roles = rolesOf(draft, entry);
    if (roles === undefined) return undefined;
    for (const role of new Set(roles)) counts[role] += 1;
  }
  return counts;
}

/** Members decide by majority: an even number survives no more failures than one fewer, and is more often in a tie. */
function etcdComplaints(members: number, external: boolean): Complaint[] {
  if (external) {
    return members === 0
      ? []
      : [
          keyComplaint(
            ['etcd', 'external'],
            `there is an external etcd, and ${members === 1 ? 'a host has' : `${members} hosts have`} the role etcd.`,
            'Keep one of them: remove etcd.external, or the role from the hosts.',
          ),
        ];
  }
  if (members === 0) {
    return [
      keyComplaint(['hosts'], 'no host has the role etcd.', 'Give it to 1, 3 or 5 hosts, or describe etcd.external.'),
    ];
  }
  if (members % 2 === 1 && members <= 7) return [];
  const why =
    members % 2 === 0
      ? `${members} hosts have the role etcd, and an even number survives no more failures than one fewer.`
      : `${members} hosts have the role etcd, and more than 7 slow each other down.`;
  return [keyComplaint(['hosts'], why, 'Give it to 1, 3, 5 or 7 hosts.')];
}

export const checkMembers: Check = (ground) => {
  const counts = roleCounts(ground);
  return counts === undefined ? [] : etcdComplaints(counts.etcd, ground.draft.etcd?.external !== undefined);
};

export const checkControlPlane: Check = (ground) =>
  roleCounts(ground)?.['control-plane'] === 0
    ? [keyComplaint(['hosts'], 'no host has the role control-plane.', 'Give it to one host, or to three.')]
    : [];

export const checkWorkers: Check = (ground) =>
  roleCounts(ground)?.worker === 0
    ? [
        keyComplaint(
          ['hosts'],
          'no host has the role worker, so no pod would run, not even DNS.',
          'Give it to at least one host; a control-plane host may have it too.',
        ),
      ]
    : [];
