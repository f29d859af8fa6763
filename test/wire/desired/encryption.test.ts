import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { desired } from '../../../src/desired/desired.ts';
import type { Encryption } from '../../../src/model/encryption.ts';
import { encryptionDocument, newEncryption } from '../../../src/pki/encryption.ts';
import { host, inventory } from '../../unit/desired/inventories.ts';
import { templates } from '../../unit/desired/templates.ts';
import { freePort } from '../hosts.ts';
import { programPath, run, versionsOf } from './binaries.ts';
import { flagsIn, makeSecrets, writeBelow, type Secrets } from './hostFiles.ts';

/**
 * The real kube-apiserver reads every EncryptionConfiguration that a rotation can come to, and ends before it serves: etcd
 * is not there, and what it reads last neither.
 */
const scratch = mkdtempSync(join(tmpdir(), 'kbin-encryption-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const LAST = '/nowhere/admission.yaml';
const LAST_WORDS = `unable to read admission control configuration from "${LAST}"`;
const NOW = Date.parse('2026-11-20T12:00:00Z');

let secrets: Secrets;
beforeAll(async () => {
  secrets = await makeSecrets(join(scratch, 'store'));
});

async function apiserverSays(version: string, encryption: string): Promise<string> {
  const root = mkdtempSync(join(scratch, 'apiserver-'));
  const one = inventory([host('solo', '192.0.2.11')]);
  const resources = desired({ ...one, versions: { ...one.versions, kubernetes: version } }, templates).hosts['solo']!;
  writeBelow(root, resources, { ...secrets, encryption });
  const flags = flagsIn(resources, 'kube-apiserver', root).map((flag) =>
    flag.replace(/^(--etcd-servers=).*/, '$1https://127.0.0.1:1'),
  );
  const { output } = run(programPath('kubernetes', version, 'kube-apiserver'), [
    ...flags.filter((flag) => !flag.startsWith('--secure-port=')),
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
    '--feature-gates=UnknownVersionInteroperabilityProxy=false',
    `--admission-control-config-file=${LAST}`,
  ]);
  return output.replaceAll('\\"', '"');
}

const documentOf = (...wanted: Encryption[]): string =>
  encryptionDocument(
    wanted.map((one, index) =>
      newEncryption(one, { now: NOW + index * 1000, taken: [], random: Buffer.alloc(32, index) }),
    ),
  ).reveal();

const SECRETBOX: Encryption = { provider: 'secretbox', resources: ['secrets'] };
const AESGCM: Encryption = { provider: 'aesgcm', resources: ['secrets'] };
const NONE: Encryption = { provider: 'none', resources: ['secrets'] };
const MORE: Encryption = { provider: 'secretbox', resources: ['configmaps', 'deployments.apps', 'events', 'secrets'] };
const KMS: Encryption = {
  provider: 'kms',
  resources: ['secrets'],
  kms: { name: 'vault', endpoint: `unix://${join(scratch, 'kms.sock')}`, timeoutSeconds: 1 },
};

const ACCEPTED: Record<string, () => string> = {
  'secretbox alone': () => documentOf(SECRETBOX),
  'nothing encrypted': () => documentOf(NONE),
  'two keys': () => documentOf(SECRETBOX, SECRETBOX),
  'another provider': () => documentOf(AESGCM, SECRETBOX),
  'from nothing': () => documentOf(NONE, SECRETBOX),
  'to nothing': () => documentOf(SECRETBOX, NONE),
  'more resources': () => documentOf(SECRETBOX, MORE),
  'fewer resources': () => documentOf(MORE, SECRETBOX),
};

/** That it reads the file at all is seen by what it refuses. */
const REFUSED: Record<string, { text: () => string; words: string }> = {
  'a short key': {
    text: () => documentOf(SECRETBOX).replace(/secret: .*/, 'secret: c2hvcnQ='),
    words: 'secret is not of the expected length',
  },
  'an unknown key of the file': {
    text: () => documentOf(SECRETBOX).replace('resources:', 'resource:'),
    words: 'unknown field "resource"',
  },
  // With a KMS for more resources than before: the provider stands once, so all that is missing is its socket.
  'a KMS whose plugin is not there': {
    text: () => documentOf(SECRETBOX, { ...KMS, resources: MORE.resources }),
    words: 'kms.sock',
  },
};

describe.each(versionsOf('kubernetes'))('kube-apiserver %s', (version) => {
  test.each(Object.entries(ACCEPTED))('takes what kbin writes: %s', async (_, text) => {
    const output = await apiserverSays(version, text());
    expect(output).toContain(LAST_WORDS);
    expect(output).not.toMatch(/deprecated|strict decoding|EncryptionConfig/i);
  });

  test.each(Object.entries(REFUSED))('refuses %s', async (_, { text, words }) => {
    const output = await apiserverSays(version, text());
    expect(output).toContain(words);
  });
});
