import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { desired } from '../../../src/desired/desired.ts';
import { parseInventory } from '../../../src/inventory/parse.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import { CASES, host, inventory } from '../../unit/desired/inventories.ts';
import { templates } from '../../unit/desired/templates.ts';
import { programPath, run, versionsOf } from './binaries.ts';
import { flagsIn, makeSecrets, writeBelow, type Secrets } from './hostFiles.ts';
import { freePort } from '../hosts.ts';

/**
 * The real kube-apiserver reads what kbin writes about auditing, TLS and authentication, and ends before it serves: what
 * it reads last is a file that is not there. etcd checks its flags, and ends at an
 * address that no machine has (RFC 5737).
 */
const scratch = mkdtempSync(join(tmpdir(), 'kbin-security-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const LAST = '/nowhere/admission.yaml';
const LAST_WORDS = `unable to read admission control configuration from "${LAST}"`;

let secrets: Secrets;
beforeAll(async () => {
  secrets = await makeSecrets(join(scratch, 'store'));
});

const small = (changed: Partial<Inventory>): Inventory => inventory([host('solo', '192.0.2.11')], changed);
const hardened = { ...CASES['hardened']!, hosts: small({}).hosts };
const issuer = { url: 'https://127.0.0.1:1', audiences: ['kubernetes'] };
const withIssuer = (rest: object): Inventory =>
  small({ authentication: { anonymous: { enabled: false }, jwt: [{ issuer, ...rest }] } });
const username = { claim: 'sub', prefix: 'oidc:' };

async function apiserverSays(version: string, one: Inventory): Promise<string> {
  const root = mkdtempSync(join(scratch, 'apiserver-'));
  const resources = desired({ ...one, versions: { ...one.versions, kubernetes: version } }, templates).hosts['solo']!;
  writeBelow(root, resources, secrets);
  const flags = flagsIn(resources, 'kube-apiserver', root).map((flag) =>
    flag.replace(/^(--etcd-servers=).*/, '$1https://127.0.0.1:1'),
  );
  const { output } = run(programPath('kubernetes', version, 'kube-apiserver'), [
    ...flags.filter((flag) => !flag.startsWith('--secure-port=')),
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
    // Otherwise 1.36 waits for etcd first.
    '--feature-gates=UnknownVersionInteroperabilityProxy=false',
    `--admission-control-config-file=${LAST}`,
  ]);
  return output.replaceAll('\\"', '"');
}

const ACCEPTED: Record<string, () => Inventory> = {
  'by default': () => small({}),
  'hardened, with a policy, a webhook, TLS 1.3 alone and an issuer': () => ({
    ...hardened,
    authentication: { ...hardened.authentication, jwt: hardened.authentication.jwt.map((jwt) => ({ ...jwt, issuer })) },
  }),
  'with everything that an issuer can have': () =>
    withIssuer({
      issuer: { ...issuer, discoveryURL: 'https://127.0.0.1:2/x', certificateAuthority: secrets.ca },
      claimMappings: {
        username: { expression: "'oidc:' + claims.email" },
        groups: { claim: 'groups', prefix: '' },
        uid: { claim: 'sub' },
        extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
      },
      claimValidationRules: [
        { claim: 'hd', requiredValue: 'example.com' },
        { expression: 'claims.?email_verified.orValue(true) == true', message: 'unverified' },
      ],
      userValidationRules: [{ expression: "!user.username.startsWith('system:')" }],
    }),
  'for reference.yaml': () => {
    const path = join(import.meta.dirname, '../../../inventory/reference.yaml');
    const parsed = parseInventory(readFileSync(path, 'utf8'), path, new Proxy({}, { get: () => '/x' }));
    if (!('inventory' in parsed)) throw new Error('inventory/reference.yaml is not sound');
    return small({ authentication: parsed.inventory.authentication });
  },
  'with a blocking webhook': () => {
    const { audit } = hardened;
    return small({ audit: { ...audit, webhook: { ...audit.webhook!, mode: 'blocking-strict' } } });
  },
  'without auditing': () => small({ audit: { ...hardened.audit, enabled: false } }),
};

/** That it reads the files at all is seen by what it refuses; kbin’s own checks refuse the same before. */
const REFUSED: Record<string, { of: () => Inventory; words: string }> = {
  'an unknown level': {
    of: () => small({ audit: { ...hardened.audit, policy: hardened.audit.policy!.replace('Metadata', 'Meta') } }),
    words: 'Unsupported value: "Meta"',
  },
  'a name from an address that nobody verified': {
    of: () => withIssuer({ claimMappings: { username: { expression: 'claims.email' } } }),
    words: 'claims.email_verified must be used',
  },
  'a claim without a prefix': {
    of: () => withIssuer({ claimMappings: { username: { claim: 'sub' } } }),
    words: 'prefix is required when claim is set',
  },
  'an expression that is none': {
    of: () => withIssuer({ claimMappings: { username }, userValidationRules: [{ expression: 'user.nobody' }] }),
    words: "undefined field 'nobody'",
  },
  'an issuer that is the cluster itself': {
    of: () =>
      withIssuer({
        issuer: { ...issuer, url: 'https://kubernetes.default.svc.cluster.local' },
        claimMappings: { username },
      }),
    words: 'URL must not overlap with disallowed issuers',
  },
};

describe.each(versionsOf('kubernetes'))('kube-apiserver %s', (version) => {
  test.each(Object.entries(ACCEPTED))('takes what kbin writes %s', async (_, of) => {
    const output = await apiserverSays(version, of());
    expect(output).toContain(LAST_WORDS);
    expect(output).not.toMatch(/audit policy contains errors|deprecated|strict decoding/i);
  });

  test.each(Object.entries(REFUSED))('refuses %s', async (_, { of, words }) => {
    const output = await apiserverSays(version, of());
    expect(output).toContain(words);
    expect(output).not.toContain(LAST_WORDS);
  });
});

describe.each(versionsOf('etcd'))('etcd %s', (version) => {
  const says = (one: Inventory): string => {
    const resources = desired({ ...one, versions: { ...one.versions, etcd: version } }, templates).hosts['solo']!;
    const flags = flagsIn(resources, 'etcd', scratch).filter((flag) => !flag.startsWith('--data-dir='));
    // An address that is not this machine's: what its TLS is has been settled by the time it listens.
    return run(programPath('etcd', version, 'etcd'), [
      ...flags,
      `--data-dir=${join(scratch, 'data')}`,
      '--initial-cluster=solo=https://192.0.2.11:2380',
    ]).output;
  };
  const SUITES = inventory([]).tls.cipherSuites;

  test.each([
    { minVersion: 'VersionTLS12', cipherSuites: SUITES },
    { minVersion: 'VersionTLS13', cipherSuites: [] },
  ] as const)('takes $minVersion with $cipherSuites', (tls) => {
    expect(says(small({ tls: { ...tls, cipherSuites: [...tls.cipherSuites] } }))).toContain(
      'listen tcp 192.0.2.11:2380: bind',
    );
  });

  test('refuses suites with TLS 1.3 alone', () => {
    expect(says(small({ tls: { minVersion: 'VersionTLS13', cipherSuites: SUITES } }))).toContain(
      'cipher suites cannot be configured when only TLS1.3 is enabled',
    );
  });
});
