import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ENCRYPTION } from '../../../src/model/encryption.ts';
import type { CertSpec } from '../../../src/model/pki.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { textAt } from './binaries.ts';

/** Files of a host as a program reads them, in a folder instead of its root. */

/** PEM texts of one authority, one pair below it, and a public key. */
export interface Secrets {
  ca: string;
  certificate: string;
  key: string;
  publicKey: string;
  /** EncryptionConfiguration. */
  encryption: string;
}

/** Makes them in a store in this folder. */
export async function makeSecrets(folder: string): Promise<Secrets> {
  const store = openPkiStore(folder);
  const spec: Omit<CertSpec, 'name' | 'isAuthority' | 'commonName' | 'usages'> = {
    organizations: [],
    dnsNames: ['a'],
    ipAddresses: [],
    days: 10,
    algorithm: 'ECDSA-P256',
  };
  await store.issueAll(
    [
      { ...spec, name: 'ca', isAuthority: true, commonName: 'ca', usages: [] },
      { ...spec, name: 'leaf', ca: 'ca', isAuthority: false, commonName: 'a', usages: ['server', 'client'] },
    ],
    Date.now(),
  );
  await store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  await store.issueEncryption({ provider: 'secretbox', resources: ['secrets'] }, Date.now());
  const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');
  return {
    ca: textOf('ca.crt'),
    certificate: textOf('leaf.crt'),
    key: textOf('leaf.key'),
    publicKey: textOf('sa.pub'),
    encryption: (await store.read({ certificate: ENCRYPTION, part: 'key' })).reveal(),
  };
}

const HOOK = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'x', user: { token: 'x' } }],
  contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  'current-context': 'x',
});

/** What a file that is no text holds: any certificate will do, as long as it is of the kind. */
function secretAt(path: string, secrets: Secrets): string {
  if (path.endsWith('audit-webhook.conf')) return HOOK;
  if (path.endsWith('encryption.yaml')) return secrets.encryption;
  if (path.endsWith('.pub')) return secrets.publicKey;
  return path.endsWith('.key') ? secrets.key : secrets.ca;
}

/** Files and pairs of a host below `root`, as they would be below `/`. */
export function writeBelow(root: string, resources: readonly Resource[], secrets: Secrets): void {
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const resource of resources) {
    if (resource.kind === 'file') {
      put(resource.path, 'text' in resource.body ? resource.body.text : secretAt(resource.path, secrets));
    }
    if (resource.kind === 'pair') {
      put(`${resource.path}/tls.crt`, secrets.certificate);
      put(`${resource.path}/tls.key`, secrets.key);
    }
  }
}

/** Flags of a unit, with paths below `root`. */
export function flagsIn(resources: readonly Resource[], name: string, root: string): string[] {
  const unit = textAt(resources, `/etc/systemd/system/${name}.service`);
  return [...unit.matchAll(/^ {2}"?(--[^\s"]+)/gm)].map(([, flag = '']) =>
    flag.replaceAll(/(?<=[=,])\/(?=etc|data|var)/g, `${root}/`),
  );
}
