import { z } from 'zod';
import { audiences, claimMappings, discoveryUrl, head, issuerUrl, mostIssuers, rules } from './authentication.ts';
import { oneLine, RFC1123_NAME } from './texts.ts';
import { choice, flag, list, section, text, wrong } from './words.ts';

/** Files in Kubernetes' own formats that an inventory names. Strict: Kubernetes would pass over a misspelt key of a policy. */

const words = (write: string) =>
  list(oneLine('one line of text', 'Write it without line breaks.'), `Write a list of ${write}.`).optional();

const stages = () =>
  list(
    choice(['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'], 'a stage'),
    'Write a list of stages.',
  ).optional();

const group = section({
  group: text(
    new RegExp(`^(?:|\\*|${RFC1123_NAME.source.slice(1, -1)})$`),
    'an API group',
    'Write it without a version, such as apps, or "" for the core group.',
  ).optional(),
  resources: words('resources'),
  resourceNames: words('names'),
});

const rule = section({
  level: choice(['None', 'Metadata', 'Request', 'RequestResponse'], 'a level'),
  users: words('users'),
  userGroups: words('groups'),
  verbs: words('verbs'),
  resources: list(group, 'Write a list of groups with resources.').optional(),
  namespaces: words('namespaces'),
  nonResourceURLs: list(
    text(/^(?:\*|\/[^*]*\*?)$/, 'a path', 'Begin it with a slash; * only at its end.'),
    'Write a list of paths.',
  ).optional(),
  omitStages: stages(),
  omitManagedFields: flag().optional(),
});

const metadata = () => z.looseObject({}, { error: wrong('a mapping', 'Write keys and values here.') }).optional();

/** Source: k8s.io/apiserver v0.36 pkg/apis/audit/v1, and its validation. */
export const auditPolicy = section({
  apiVersion: head('audit.k8s.io/v1'),
  kind: head('Policy'),
  metadata: metadata(),
  omitStages: stages(),
  omitManagedFields: flag().optional(),
  rules: list(rule, 'Write a list of rules with level.').min(1, {
    error: 'an empty list.\nWrite rules; without one nothing is recorded: that is audit.enabled: false.',
  }),
});

export type AuditPolicy = z.output<typeof auditPolicy>;

const issuer = section({
  url: issuerUrl(),
  discoveryURL: discoveryUrl().optional(),
  certificateAuthority: z.string({ error: wrong('text', 'Write it in PEM.') }).optional(),
  audiences: audiences(),
  audienceMatchPolicy: choice(['MatchAny'], 'a policy for audiences').optional(),
  egressSelectorType: choice(['controlplane', 'cluster'], 'a type of egress').optional(),
});

const anonymous = section({
  enabled: flag(),
  conditions: list(
    section({ path: text(/^\//, 'a path', 'Begin it with a slash, such as /readyz.') }),
    'Write a list of paths.',
  ).optional(),
});

/** Source: k8s.io/apiserver v0.36 pkg/apis/apiserver/v1, and its validation. */
export const authenticationConfiguration = section({
  apiVersion: head('apiserver.config.k8s.io/v1'),
  kind: head('AuthenticationConfiguration'),
  anonymous: anonymous.optional(),
  jwt: list(section({ issuer, claimMappings, ...rules }), 'Write a list of issuers.')
    .max(64, mostIssuers)
    .optional(),
});

export type AuthenticationFile = z.output<typeof authenticationConfiguration>;
