import { complaint, keyComplaint, quoted, type Complaint, type Path } from '../fault.ts';
import type { Sound } from '../issues.ts';
import type { Draft } from '../schema/cluster.ts';

type Issuer = NonNullable<NonNullable<NonNullable<Draft['authentication']>['oidc']>[number]>;
/** What is alike in the inventory's `oidc` and in the `jwt` of an AuthenticationConfiguration. */
export type Rules = Sound<Pick<Issuer, 'claimMappings' | 'claimValidationRules' | 'userValidationRules'>>;
type Mappings = NonNullable<Rules['claimMappings']>;

interface Source {
  claim?: string | undefined;
  prefix?: string | undefined;
  expression?: string | undefined;
}

/** Exactly one of claim and expression, and what goes with it. `known` holds the keys that are there, sound or not. */
function sourceComplaints(path: Path, source: Source | undefined, takesPrefix: boolean): Complaint[] {
  if (source === undefined) return [];
  const hasClaim = 'claim' in source;
  const hasExpression = 'expression' in source;
  if (hasClaim && hasExpression) {
    return [keyComplaint([...path, 'expression'], 'claim is there as well.', 'Keep one of them.')];
  }
  if (!hasClaim && !hasExpression) {
    return [complaint(path, 'it has neither claim nor expression.', 'Write one of them, such as claim: sub.')];
  }
  if (hasExpression && 'prefix' in source) {
    return [keyComplaint([...path, 'prefix'], 'it goes with claim only.', 'Put it into the expression.')];
  }
  if (hasClaim && takesPrefix && !('prefix' in source)) {
    return [complaint([...path, 'prefix'], 'missing.', 'Write a prefix, such as "oidc:", or "" for none.')];
  }
  return [];
}

function repeated(items: readonly (string | undefined)[], pathOf: (index: number) => Path): Complaint[] {
  return items.flatMap((item, index) =>
    item === undefined || items.indexOf(item) === index
      ? []
      : [complaint(pathOf(index), `${quoted(item)} stands here twice.`, 'Write it once.')],
  );
}

function ruleComplaints(path: Path, rules: Rules['claimValidationRules']): Complaint[] {
  const all = rules ?? [];
  return [
    ...all.flatMap((rule, index): Complaint[] => {
      if (rule === undefined) return [];
      const own = [...path, index];
      const wrong = sourceComplaints(own, { ...rule }, false);
      if (wrong.length > 0) return wrong;
      const alien = 'claim' in rule ? 'message' : 'requiredValue';
      const partner = 'claim' in rule ? 'expression' : 'claim';
      return alien in rule ? [keyComplaint([...own, alien], `it goes with ${partner} only.`, 'Remove it.')] : [];
    }),
    ...repeated(
      all.map((rule) => rule?.claim),
      (index) => [...path, index, 'claim'],
    ),
    ...repeated(
      all.map((rule) => rule?.expression),
      (index) => [...path, index, 'expression'],
    ),
  ];
}

/** As the API server has it: an address that nobody verified must not become a name. */
function emailComplaints(path: Path, rules: Rules): Complaint[] {
  const username = rules.claimMappings?.username?.expression ?? '';
  if (!/\bclaims\.\??email\b(?!_)/.test(username)) return [];
  const others = [
    ...(rules.claimMappings?.extra ?? []).map((one) => one?.valueExpression),
    ...(rules.claimValidationRules ?? []).map((one) => one?.expression),
  ];
  if ([username, ...others].some((text) => text?.includes('email_verified'))) return [];
  return [
    complaint(
      [...path, 'claimMappings', 'username', 'expression'],
      'claims.email is used, and claims.email_verified nowhere.',
      'Add the claimValidationRule claims.?email_verified.orValue(true) == true.',
    ),
  ];
}

function mappingComplaints(path: Path, mappings: Mappings): Complaint[] {
  const extra = mappings.extra ?? [];
  return [
    ...sourceComplaints([...path, 'username'], mappings.username, true),
    ...sourceComplaints([...path, 'groups'], mappings.groups, true),
    ...sourceComplaints([...path, 'uid'], mappings.uid, false),
    ...repeated(
      extra.map((one) => one?.key),
      (index) => [...path, 'extra', index, 'key'],
    ),
  ];
}

/** What the API server refuses about the mappings and rules of one issuer, apart from what is inside expressions. */
export const issuerComplaints = (path: Path, rules: Rules): Complaint[] => [
  ...(rules.claimMappings === undefined ? [] : mappingComplaints([...path, 'claimMappings'], rules.claimMappings)),
  ...ruleComplaints([...path, 'claimValidationRules'], rules.claimValidationRules),
  ...repeated(
    (rules.userValidationRules ?? []).map((rule) => rule?.expression),
    (index) => [...path, 'userValidationRules', index, 'expression'],
  ),
  ...emailComplaints(path, rules),
];

/** URLs of issuers, each once and none of them the cluster's own. */
export function urlComplaints(
  issuers: readonly { url: string | undefined; discovery: string | undefined; at: Path; discoveryAt: Path }[],
  clusterIssuer: string | undefined,
): Complaint[] {
  const bare = (url: string): string => url.replace(/\/+$/, '');
  return [
    ...repeated(
      issuers.map(({ url }) => url),
      (index) => issuers[index]?.at ?? [],
    ),
    ...repeated(
      issuers.map(({ discovery }) => discovery),
      (index) => issuers[index]?.discoveryAt ?? [],
    ),
    ...issuers.flatMap(({ url, discovery, at, discoveryAt }): Complaint[] => [
      ...(url !== undefined && url === clusterIssuer
        ? [complaint(at, 'it issues the cluster’s own ServiceAccount tokens.', 'Remove it: they are accepted anyway.')]
        : []),
      ...(url !== undefined && discovery !== undefined && bare(url) === bare(discovery)
        ? [complaint(discoveryAt, 'it is the URL of the issuer.', 'Write the URL of its configuration, or remove it.')]
        : []),
    ]),
  ];
}
