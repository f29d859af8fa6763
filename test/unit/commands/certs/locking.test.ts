import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import * as age from 'age-encryption';
import type { Arguments, Command } from '../../../../src/commands/command.ts';
import type { Encryption } from '../../../../src/model/encryption.ts';
import { authority } from '../../pki/samples.ts';
import type { Keys } from '../../pki/lockSamples.ts';
import { printed } from '../printed.ts';

/** scrypt at its lowest cost: a real passphrase takes seconds each time. */
class QuickEncrypter extends age.Encrypter {
  constructor() {
    super();
    this.setScryptWorkFactor(2);
  }
}
jest.unstable_mockModule('age-encryption', () => ({ ...age, Encrypter: QuickEncrypter }));
const { backup } = await import('../../../../src/commands/certs/backup.ts');
const { gen } = await import('../../../../src/commands/certs/gen.ts');
const { lock } = await import('../../../../src/commands/certs/lock.ts');
const { rekey } = await import('../../../../src/commands/certs/rekey.ts');
const { restore } = await import('../../../../src/commands/certs/restore.ts');
const { unlock } = await import('../../../../src/commands/certs/unlock.ts');
const { issue } = await import('../../../../src/commands/kubeconfig/issue.ts');
const { loadInventory } = await import('../../../../src/inventory/load.ts');
const { Secret } = await import('../../../../src/model/secret.ts');
const { packageRoot, pkiFolder } = await import('../../../../src/paths.ts');
const { encryptText } = await import('../../../../src/pki/age.ts');
const { openPkiStore } = await import('../../../../src/pki/store.ts');
const { newKeys, ROOTS } = await import('../../pki/lockSamples.ts');

let folder = '';
let inventory = '';
let pki = '';
const before = { ...process.env };
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kbin-lock-'));
  process.env['KBIN_HOME'] = at('home');
  inventory = at('single.yaml');
  cpSync(join(packageRoot(), 'inventory', 'single.yaml'), inventory);
  pki = pkiFolder((await loadInventory(inventory)).cluster);
  const specs = ROOTS.map((name) => authority({ name, commonName: name, dnsNames: [] }));
  await openPkiStore(pki).issueAll(specs, Date.now());
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  for (const name of ['KBIN_HOME', 'KBIN_AGE_IDENTITY', 'KBIN_AGE_PASSPHRASE', 'KBIN_AGE_NEW_PASSPHRASE']) {
    if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before[name];
  }
});

const at = (name: string): string => join(folder, name);
const run = (command: Command, args: Arguments = {}) => printed(() => command.run({ inventory, ...args }));
const keyFiles = (): string[] =>
  readdirSync(pki)
    .filter((name) => name.includes('.key'))
    .sort();
const READABLE = ROOTS.map((name) => `${name}.key`);
const LOCKED = READABLE.map((name) => `${name}.age`);

/** An identity in a file as age-keygen writes it. */
function identityFile(name: string, { text, recipient }: Keys): string {
  writeFileSync(at(name), `# public key: ${recipient}\n${text}\n`, { mode: 0o600 });
  return at(name);
}

test('locked for recipients, issued from, locked for others, unlocked', async () => {
  const [own, other] = [await newKeys(), await newKeys()];
  const [ownFile, otherFile] = [identityFile('own.txt', own), identityFile('other.txt', other)];
  const locked = await run(lock, { recipient: [own.recipient], identity: ownFile });
  expect(locked).toMatchObject({ result: 0, err: '' });
  expect(locked.out).toContain(`Locked: ${READABLE.join(', ')}.\n`);
  expect(keyFiles()).toEqual(LOCKED);
  expect((await run(lock)).out).toBe('Everything is locked already.\n');

  const file = at('web.json');
  writeFileSync(file, '{"CN":"web"}');
  process.env['KBIN_AGE_IDENTITY'] = ownFile;
  await run(gen, { file, authority: 'etcd-ca', output: at('web') });
  const { out } = await run(issue, { name: 'alice', expires: '1h' });
  expect(out).toContain('client-certificate-data');
  Reflect.deleteProperty(process.env, 'KBIN_AGE_IDENTITY');

  await run(rekey, { recipient: [other.recipient], identity: ownFile });
  await expect(run(unlock, { identity: ownFile })).rejects.toMatchObject({ code: 'PKI' });
  expect(keyFiles()).toEqual(LOCKED);
  await run(unlock, { identity: otherFile });
  expect(keyFiles()).toEqual(READABLE);
});

test('a passphrase comes from the environment, where it does not stay, and stands in no error', async () => {
  process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
  await run(lock, { passphrase: true });
  expect(process.env['KBIN_AGE_PASSPHRASE']).toBeUndefined();
  process.env['KBIN_AGE_PASSPHRASE'] = 'poison battery';
  const wrong: unknown = await run(unlock).catch((error: unknown) => error);
  expect(wrong).toMatchObject({ code: 'PKI', message: expect.stringContaining('this is not the passphrase') });
  expect(inspect(wrong, { depth: 9 })).not.toMatch(/poison|battery|horse/);
  expect(keyFiles()).toEqual(LOCKED);
  process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
  process.env['KBIN_AGE_NEW_PASSPHRASE'] = 'staple';
  await run(rekey, { passphrase: true });
  process.env['KBIN_AGE_PASSPHRASE'] = 'staple';
  await run(unlock);
  expect(keyFiles()).toEqual(READABLE);
});

test('an old encryption key is locked too, and told by its place', async () => {
  const encryption: Encryption = { provider: 'secretbox', resources: ['secrets'] };
  const store = openPkiStore(pki);
  await store.issueEncryption(encryption, Date.now());
  const { startedAt } = await store.begin(
    { name: 'encryption', authorities: [], keyPairs: [], encryption },
    Date.now(),
  );
  await store.promote('encryption');
  await store.distrust('encryption');
  const keys = await newKeys();
  const { out } = await run(lock, { recipient: [keys.recipient] });
  const folder = new Date(startedAt).toISOString().replaceAll(/[:.]/g, '-');
  expect(out).toContain(`Locked: ${READABLE.join(', ')}, retired/${folder}/encryption-old.json.\n`);
  expect(readdirSync(join(pki, 'retired', folder))).toEqual(['encryption-old.json.age']);
});

test('a backup is one file for its owner only, and comes back', async () => {
  const keys = await newKeys();
  const identity = identityFile('own.txt', keys);
  const output = at('prod.age');
  const made = await run(backup, { recipient: [keys.recipient], output });
  expect(made.out).toMatch(/prod\.age: cluster \S+ \([0-9a-f]{16}\), 6 files, \d+ bytes\.\n$/);
  expect(statSync(output).mode & 0o777).toBe(0o600);
  const files = readdirSync(pki);
  rmSync(pki, { recursive: true });
  const { cluster } = await loadInventory(inventory);
  const { out } = await printed(() => restore.run({ file: output, cluster, identity }));
  expect(out).toMatch(/^Cluster \S+ \([0-9a-f]{16}\) as it was \d{4}-.*: 3 certificates and key pairs\.\nRestored to /);
  expect(readdirSync(pki)).toEqual(files);
  expect((await run(restore, { file: output, identity })).out).toContain('already.\n');
  const attempt = printed(() => restore.run({ file: output, cluster: 'other', identity }));
  await expect(attempt).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('not of other') });
  await expect(run(backup, { recipient: [keys.recipient], output })).rejects.toMatchObject({ code: 'USAGE' });
});

test('a backup with a passphrase needs it, and the wrong one restores nothing', async () => {
  process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
  const output = at('prod.age');
  await run(backup, { passphrase: true, output });
  rmSync(pki, { recursive: true });
  process.env['KBIN_AGE_PASSPHRASE'] = 'poison battery';
  const wrong: unknown = await run(restore, { file: output }).catch((error: unknown) => error);
  expect(wrong).toMatchObject({ code: 'PKI', message: expect.stringContaining('does not open') });
  expect(inspect(wrong, { depth: 9 })).not.toMatch(/poison|battery|horse/);
  expect(existsSync(pki)).toBe(false);
  process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
  await run(restore, { file: output });
  expect(keyFiles()).toEqual(READABLE);
});

describe('an identity file', () => {
  test('that others may read is refused before it is used', async () => {
    const keys = await newKeys();
    const identity = identityFile('own.txt', keys);
    await run(lock, { recipient: [keys.recipient] });
    chmodSync(identity, 0o640);
    await expect(run(unlock, { identity })).rejects.toMatchObject({
      code: 'PKI',
      message: `${identity}: mode 0640 lets others in`,
      hint: `Run: chmod go= ${identity}`,
    });
    await expect(run(unlock, { identity: at('none.txt') })).rejects.toMatchObject({ code: 'PKI' });
    await expect(run(unlock)).rejects.toMatchObject({
      code: 'PKI',
      message: 'the CA keys of this cluster are locked, and no age identity was named',
      evidence: [`recipient ${keys.recipient}`],
    });
    expect(keyFiles()).toEqual(LOCKED);
  });

  test('may itself have a passphrase', async () => {
    const keys = await newKeys();
    const passphrase = new Secret('correct horse');
    const encrypted = await encryptText(new Secret(`${keys.text}\n`), { passphrase, workFactor: 2 });
    writeFileSync(at('own.age'), encrypted, { mode: 0o600 });
    await run(lock, { recipient: [keys.recipient] });
    process.env['KBIN_AGE_PASSPHRASE'] = 'poison';
    await expect(run(unlock, { identity: at('own.age') })).rejects.toThrow('this is not the passphrase of');
    process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
    await run(unlock, { identity: at('own.age') });
    expect(keyFiles()).toEqual(READABLE);
  });
});

test.each<[string, Command, Arguments, string]>([
  ['nobody to lock for', lock, {}, 'nothing says who'],
  ['two ways', lock, { recipient: ['age1x'], passphrase: true }, 'exclude each other'],
  ['a recipient that is none', lock, { recipient: ['age1x'] }, '--recipient number 1 (age1x) is no age recipient'],
  ['a secret in place of a recipient', lock, { recipient: ['AGE-SECRET-KEY-1POISON'] }, '--recipient number 1 is no'],
  ['nobody to back up for', backup, { output: '/no/such/x.age' }, 'nothing says who'],
  ['a folder that is not there', backup, { output: '/no/such/x.age', passphrase: true }, 'can be written to /no/such'],
  ['no cluster', restore, { inventory: undefined, file: 'x' }, 'one of -i and --cluster'],
  ['two clusters', restore, { cluster: 'x', file: 'x' }, 'one of -i and --cluster'],
  ['a backup that is not there', restore, { file: '/no/such.age' }, '/no/such.age cannot be read'],
])('%s is USAGE, and nothing is written', async (_, command, args, message) => {
  process.env['KBIN_AGE_PASSPHRASE'] = 'correct horse';
  const error: unknown = await run(command, args).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
  expect(inspect(error)).not.toContain('POISON');
  expect(keyFiles()).toEqual(READABLE);
});

test('what is not locked is not unlocked, what is locked is not locked again, and what is no backup is not restored', async () => {
  const keys = await newKeys();
  const identity = identityFile('own.txt', keys);
  await expect(run(unlock, { identity })).rejects.toThrow('are not locked');
  await expect(run(rekey, { recipient: [keys.recipient] })).rejects.toThrow('are not locked');
  await run(lock, { recipient: [keys.recipient] });
  await expect(run(lock, { recipient: [keys.recipient] })).rejects.toThrow('are locked already');
  await expect(run(restore, { file: inventory, identity })).rejects.toThrow('is not encrypted with age');
  expect(readFileSync(join(pki, 'lock.json'), 'utf8')).toContain(keys.recipient);
});
