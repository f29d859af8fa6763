import { X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import { DEFAULTS } from '../defaults.ts';
import { documentFaults, type DocumentKind } from '../documents.ts';
import { complaint, keyComplaint, type Complaint, type Fault, type Path } from '../fault.ts';
import type { Sound } from '../issues.ts';
import { textInFile } from '../operatorFiles.ts';
import {
  auditPolicy,
  authenticationConfiguration,
  type AuditPolicy,
  type AuthenticationFile,
} from '../schema/documents.ts';
import type { Trouble } from '../world.ts';
import { orDefault, type Check, type Ground } from './ground.ts';
import { issuerComplaints, urlComplaints } from './jwt.ts';
import { kubeconfigTroubles } from './kubeconfig.ts';

/** What the files hold that the inventory names: every fault in one of them stands at its place in the inventory. */

interface Named {
  path: Path;
  file: string | undefined;
}

/** A file that cannot be read is a fault; one of a world without files is not looked at. */
function inFile(ground: Ground, { path, file }: Named, look: (text: string, file: string) => Trouble[]): Complaint[] {
  if (file === undefined) return [];
  const text = textInFile(ground.world, file);
  const troubles = typeof text !== 'string' ? [text] : text === '' ? [] : look(text, file);
  return troubles.map(({ message, fix }) => complaint(path, message, fix));
}

const troubleOf = (file: string, { line, column, path, message, fix }: Fault): Trouble => ({
  message: `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`,
  fix,
});

const inDocument = <Schema extends z.ZodType>(ground: Ground, named: Named, kind: DocumentKind<Schema>): Complaint[] =>
  inFile(ground, named, (text, file) => documentFaults(text, kind).map((fault) => troubleOf(file, fault)));

type PolicyRule = NonNullable<NonNullable<Sound<AuditPolicy>['rules']>[number]>;

function policyRuleComplaints(path: Path, rule: PolicyRule): Complaint[] {
  const isBoth = 'nonResourceURLs' in rule && ('resources' in rule || 'namespaces' in rule);
  const both = 'a rule is about resources or about paths.';
  return [
    ...(isBoth ? [keyComplaint([...path, 'nonResourceURLs'], both, 'Write two rules.')] : []),
    ...(rule.resources ?? []).flatMap((group, index) =>
      group?.resourceNames === undefined || 'resources' in group
        ? []
        : [complaint([...path, 'resources', index, 'resources'], 'missing.', 'Names need a list of resources.')],
    ),
  ];
}

const POLICY: DocumentKind<typeof auditPolicy> = {
  schema: auditPolicy,
  rules: ({ rules = [] }) =>
    rules.flatMap((rule, index) => (rule === undefined ? [] : policyRuleComplaints(['rules', index], rule))),
};

export const checkPolicyFile: Check = (ground) =>
  inDocument(ground, { path: ['audit', 'policyFile'], file: ground.draft.audit?.policyFile }, POLICY);

/** Issuer of the cluster's ServiceAccount tokens. */
export function clusterIssuer({ draft }: Ground): string | undefined {
  const domain = orDefault(draft.network, 'dnsDomain', DEFAULTS.network.dnsDomain);
  return domain === undefined ? undefined : `https://kubernetes.default.svc.${domain}`;
}

type Jwt = NonNullable<NonNullable<Sound<AuthenticationFile>['jwt']>[number]>;

function jwtComplaints(path: Path, jwt: Jwt): Complaint[] {
  const { audiences = [], certificateAuthority, ...issuer } = jwt.issuer ?? {};
  const lacksPolicy = audiences.length > 1 && !('audienceMatchPolicy' in issuer);
  const troubles = certificateAuthority === undefined ? [] : certificateTroubles(certificateAuthority);
  return [
    ...issuerComplaints(path, jwt),
    ...(lacksPolicy
      ? [complaint([...path, 'issuer', 'audienceMatchPolicy'], 'missing.', 'With several audiences, write MatchAny.')]
      : []),
    ...troubles.map(({ message, fix }) => complaint([...path, 'issuer', 'certificateAuthority'], message, fix)),
  ];
}

const configuration = (ground: Ground): DocumentKind<typeof authenticationConfiguration> => ({
  schema: authenticationConfiguration,
  rules: ({ anonymous, jwt = [] }) => [
    ...(anonymous?.enabled === false && (anonymous.conditions ?? []).length > 0
      ? [keyComplaint(['anonymous', 'conditions'], 'they go with enabled: true.', 'Remove them.')]
      : []),
    ...jwt.flatMap((one, index) => (one === undefined ? [] : jwtComplaints(['jwt', index], one))),
    ...urlComplaints(
      jwt.map((one, index) => ({
        url: one?.issuer?.url,
        discovery: one?.issuer?.discoveryURL,
        at: ['jwt', index, 'issuer', 'url'],
        discoveryAt: ['jwt', index, 'issuer', 'discoveryURL'],
      })),
      clusterIssuer(ground),
    ),
  ],
});

export const checkAuthenticationFile: Check = (ground) => {
  const file = ground.draft.authentication?.configFile;
  return inDocument(ground, { path: ['authentication', 'configFile'], file }, configuration(ground));
};

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Certificates in PEM; a key beside them would end up readable on the control planes. */
function certificateTroubles(text: string): Trouble[] {
  if (/PRIVATE KEY-----/.test(text))
    return [{ message: 'it holds a private key.', fix: 'Keep the certificates only.' }];
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) return [{ message: 'it holds no certificate in PEM.', fix: 'Name the authority’s file.' }];
  return blocks.flatMap((block, index) => {
    try {
      return new X509Certificate(block).ca
        ? []
        : [{ message: `certificate ${index + 1} in it is no authority.`, fix: 'Name the authority that signed it.' }];
    } catch {
      return [{ message: `certificate ${index + 1} in it cannot be parsed.`, fix: 'Export it again, in PEM.' }];
    }
  });
}

export const checkIssuerAuthorities: Check = (ground) =>
  (ground.draft.authentication?.oidc ?? []).flatMap((issuer, index) =>
    inFile(ground, { path: ['authentication', 'oidc', index, 'caFile'], file: issuer?.caFile }, certificateTroubles),
  );

export const checkWebhookFile: Check = (ground) =>
  inFile(
    ground,
    { path: ['audit', 'webhook', 'configFile'], file: ground.draft.audit?.webhook?.configFile },
    kubeconfigTroubles,
  );
