import { complaint, keyComplaint, quoted, type Complaint, type Path } from '../fault.ts';
import { entriesOf, poolsOf, type Check, type Entry } from './ground.ts';

/** What the kubelet or Kubernetes itself writes; two writers would overwrite each other forever. */
const OWNED_LABELS = ['kubernetes.io/hostname', 'kubernetes.io/arch', 'kubernetes.io/os'];

function labelComplaint(path: Path, key: string): Complaint[] {
  if (key.startsWith('node-role.kubernetes.io/')) {
    return [keyComplaint(path, 'kbin sets the labels of roles itself.', 'Remove it, and write roles.')];
  }
  if (!OWNED_LABELS.includes(key)) return [];
  return [keyComplaint(path, 'the kubelet sets this label itself.', 'Remove it.')];
}

function taintComplaints(path: Path, taints: NonNullable<Entry['taints']>): Complaint[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const { key, effect } = taint ?? {};
    if (key === undefined || effect === undefined) return [];
    const own = [...path, index];
    if (key.startsWith('node.kubernetes.io/')) {
      return [
        complaint([...own, 'key'], `Kubernetes sets ${quoted(key)} by the state of the Node.`, 'Choose another key.'),
      ];
    }
    const identity = `${key}:${effect}`;
    if (seen.has(identity)) {
      return [complaint(own, `the taint ${identity} stands here twice.`, 'Keep one of them.')];
    }
    seen.add(identity);
    return [];
  });
}

export const checkLabels: Check = ({ draft }) =>
  [
    ...poolsOf(draft).map(({ name, pool }) => ({ path: ['pools', name], settings: pool })),
    ...entriesOf(draft).map(({ index, entry }) => ({ path: ['hosts', index], settings: entry })),
  ].flatMap(({ path, settings }) => [
    ...Object.keys(settings.labels ?? {}).flatMap((key) => labelComplaint([...path, 'labels', key], key)),
    ...taintComplaints([...path, 'taints'], settings.taints ?? []),
  ]);
