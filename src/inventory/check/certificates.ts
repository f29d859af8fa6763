import { LEAF_ROWS, RESERVED_NAMES, RULES_OF_HOSTS } from '../../catalog/certificates.ts';
import { DEFAULTS } from '../defaults.ts';
import { complaint, keyComplaint, quoted, type Complaint, type Path } from '../fault.ts';
import { orDefault, type Check, type Ground } from './ground.ts';

type Extra = NonNullable<NonNullable<NonNullable<Ground['draft']['certificates']>['extra']>[number]>;

const extrasOf = ({ certificates }: Ground['draft']): { extra: Extra; path: Path }[] =>
  (certificates?.extra ?? []).flatMap((extra, index) =>
    extra === undefined ? [] : [{ extra, path: ['certificates', 'extra', index] }],
  );

/** Each is a name in the store, beside those of the catalog and of their generations. */
export const checkExtraNames: Check = ({ draft }) => {
  const names = extrasOf(draft).map(({ extra }) => extra.name);
  return extrasOf(draft).flatMap(({ extra: { name }, path }, index) => {
    if (name === undefined) return [];
    const at = [...path, 'name'];
    if (RESERVED_NAMES.includes(name))
      return [
        complaint(at, `${quoted(name)} is the name of another thing in the certificate store.`, 'Write another name.'),
      ];
    if (/-(next|old)$/.test(name))
      return [
        complaint(
          at,
          `${quoted(name)} ends as generations of authorities do.`,
          'Write a name without -next and -old at its end.',
        ),
      ];
    return names.indexOf(name) < index ? [complaint(at, `${quoted(name)} stands here twice.`, 'Write it once.')] : [];
  });
};

/** What is one for the whole cluster has no host, and a server is for something. */
export const checkExtraHosts: Check = ({ draft }) =>
  extrasOf(draft).flatMap(({ extra, path }) => {
    const { commonName, per, sanRules = [], sans = [], usages = [] } = extra;
    const isOfCluster = 'per' in extra ? per === 'cluster' : true;
    const isForNothing = sans.length + sanRules.length === 0 && usages.includes('server');
    return [
      ...(isOfCluster && commonName?.includes('{host}') === true
        ? [
            complaint(
              [...path, 'commonName'],
              '{host} has no meaning in a certificate of the whole cluster.',
              'Write per: node, or a name.',
            ),
          ]
        : []),
      ...sanRules.flatMap((rule, index) =>
        isOfCluster && rule !== undefined && RULES_OF_HOSTS.includes(rule)
          ? [
              complaint(
                [...path, 'sanRules', index],
                `${rule} has no meaning in a certificate of the whole cluster.`,
                'Write per: node, or names into sans.',
              ),
            ]
          : [],
      ),
      ...(isForNothing
        ? [
            complaint(
              [...path, 'usages'],
              'a server’s certificate is for names.',
              'Write them into sans, or rules into sanRules.',
            ),
          ]
        : []),
    ];
  });

export const checkExtraAuthorities: Check = ({ draft }) =>
  draft.etcd?.external === undefined
    ? []
    : extrasOf(draft).flatMap(({ extra: { ca, per }, path }) => [
        ...(ca === 'etcd-ca'
          ? [
              complaint(
                [...path, 'ca'],
                'the authority of an external etcd is not kbin’s.',
                'Write ca, or have it signed there.',
              ),
            ]
          : []),
        ...(per === 'etcd'
          ? [complaint([...path, 'per'], 'hosts of an external etcd are not kbin’s.', 'Write node.')]
          : []),
      ]);

/** No certificate outlives its authority. */
export const checkSingleLifetimes: Check = ({ draft }) => {
  const { certificates } = draft;
  const caDays = orDefault(certificates, 'caDays', DEFAULTS.certificates.caDays);
  if (caDays === undefined) return [];
  const what = (days: number): string => `a certificate of ${days} days would outlive its authority of ${caDays} days.`;
  const write = 'Write fewer days, or more caDays.';
  const rows = LEAF_ROWS.flatMap((row): Complaint[] => {
    const days = certificates?.days?.[row];
    return days === undefined || days <= caDays ? [] : [complaint(['certificates', 'days', row], what(days), write)];
  });
  const extras = extrasOf(draft).flatMap(({ extra: { days }, path }) =>
    days === undefined || days <= caDays ? [] : [complaint([...path, 'days'], what(days), write)],
  );
  return [...rows, ...extras];
};

/** A row that this inventory does not have says nothing to anybody. */
export const checkRowsOfDays: Check = ({ draft }) => {
  const serving = draft.certificates?.kubeletServing === 'kubelet';
  const isOfKubelet = serving && draft.certificates?.days?.['kubelet-serving'] !== undefined;
  return isOfKubelet
    ? [
        keyComplaint(
          ['certificates', 'days', 'kubelet-serving'],
          'kubelets make this one themselves (kubeletServing: kubelet).',
          'Take one of the two out.',
        ),
      ]
    : [];
};
