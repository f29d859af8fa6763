import type { JsonObject } from '../model/inventory.ts';
import type { Audit, AuditWebhook, Authentication, Tls } from '../model/security.ts';
import { DEFAULTS } from './defaults.ts';
import { documentIn } from './documents.ts';
import { textInFile } from './operatorFiles.ts';
import type { Draft } from './schema/cluster.ts';
import { authenticationConfiguration } from './schema/documents.ts';
import { found, pathIn, type World } from './world.ts';

/** Defaults laid under the sections audit, tls and authentication, and the files that these name. */

type Given<Section> = NonNullable<Section>;
type Webhook = Given<Given<Draft['audit']>['webhook']>;
type Issuer = Given<Given<Draft['authentication']>['oidc']>[number];

/** A section of plain values with its defaults. */
const withDefaults = <Section extends object>(
  defaults: Section,
  given: { [Key in keyof Section]?: Section[Key] | undefined } = {},
): Section =>
  Object.fromEntries(
    Object.entries(defaults).map(([key, preset]) => [key, given[key as keyof Section] ?? preset]),
  ) as Section;

function webhookOf({ batch, configFile, ...rest }: Webhook, world: World): AuditWebhook {
  const { webhook, batch: preset } = DEFAULTS.audit;
  return {
    configFile: found(pathIn(world, configFile)),
    ...withDefaults<Omit<AuditWebhook, 'configFile' | 'batch'>>(webhook, rest),
    batch: withDefaults<AuditWebhook['batch']>(preset, batch),
  };
}

export function auditOf({ audit = {} }: Draft, world: World): Audit {
  const { enabled = true, policyFile, log, webhook } = audit;
  return {
    enabled,
    ...(policyFile === undefined ? {} : { policy: found(textInFile(world, policyFile)) }),
    log: withDefaults<Audit['log']>(DEFAULTS.audit.log, log),
    ...(webhook === undefined ? {} : { webhook: webhookOf(webhook, world) }),
  };
}

export function tlsOf({ tls = {} }: Draft): Tls {
  const { minVersion = DEFAULTS.tls.minVersion, cipherSuites = DEFAULTS.tls.cipherSuites } = tls;
  // etcd does not start with suites that it could not choose from.
  return { minVersion, cipherSuites: minVersion === 'VersionTLS13' ? [] : [...cipherSuites] };
}

const HEALTH_PATHS = ['/livez', '/readyz', '/healthz'].map((path) => ({ path }));

/** An issuer as AuthenticationConfiguration has it. */
function jwtOf({ issuerUrl, discoveryUrl, caFile, audiences, ...rest }: Issuer, world: World): JsonObject {
  const issuer = {
    url: issuerUrl,
    discoveryURL: discoveryUrl,
    certificateAuthority: caFile === undefined ? undefined : found(textInFile(world, caFile)),
    audiences,
    audienceMatchPolicy: audiences.length > 1 ? 'MatchAny' : undefined,
  };
  return jsonOf({ issuer, ...rest });
}

/** Without keys that hold nothing. */
const jsonOf = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

/** The operator's own configuration; nothing in a world without files, see parseInventory. */
function configurationIn(world: World, configFile: string | undefined): Partial<Authentication> {
  const text = configFile === undefined ? '' : found(textInFile(world, configFile));
  if (text === '') return {};
  return jsonOf(documentIn(text, authenticationConfiguration));
}

export function authenticationOf({ authentication = {} }: Draft, world: World): Authentication {
  const { anonymous = DEFAULTS.authentication.anonymous, oidc = [], configFile } = authentication;
  const whole = configurationIn(world, configFile);
  const own = anonymous === 'off' ? { enabled: false } : { enabled: true, conditions: HEALTH_PATHS };
  return {
    anonymous: whole.anonymous ?? own,
    jwt: [...(whole.jwt ?? []), ...oidc.map((issuer) => jwtOf(issuer, world))],
  };
}
