import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { jest } from '@jest/globals';
import { Secret } from '../../../src/model/secret.ts';
import { ageBytes, decryptBytes, kindOf } from '../../../src/pki/age.ts';
import { backUp } from '../../../src/pki/backup.ts';
import { readBackup } from '../../../src/pki/backupFormat.ts';
import { identitiesIn } from '../../../src/pki/identityFile.ts';
import { lockStore, unlockStore } from '../../../src/pki/locking.ts';
import { restore } from '../../../src/pki/restore.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { ABOUT, contents, placesIn } from '../../unit/pki/backupSamples.ts';
import { ROOTS, SPECS } from '../../unit/pki/lockSamples.ts';
import { leaf, NOW } from '../../unit/pki/samples.ts';

/**
 * What kbin encrypts opens with the real age, and the other way round: nobody depends on kbin to have the keys back.
 * Skipped where age is not installed (scripts/prepare installs it).
 */
jest.setTimeout(120_000);
const isAgeHere = spawnSync('age', ['--version']).status === 0 && spawnSync('age-keygen', ['--version']).status === 0;
const testWithAge = isAgeHere ? test : test.skip;

const folder = mkdtempSync(join(tmpdir(), 'kbin-age-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const run = (program: string, args: readonly string[], input: Buffer | string = ''): Buffer =>
  execFileSync(program, args, { input, stdio: 'pipe', timeout: 60_000 });

/** An identity that the real age-keygen made. */
async function keygen(name: string) {
  run('age-keygen', ['-o', at(name)]);
  const recipient = run('age-keygen', ['-y', at(name)])
    .toString()
    .trim();
  const keys = await identitiesIn(new Secret(readFileSync(at(name), 'utf8')), at(name));
  return { file: at(name), audience: { recipients: [recipient] }, identity: { keys } };
}

async function store(name: string) {
  const places = placesIn(at(name));
  mkdirSync(at(name));
  await openPkiStore(places.pki).issueAll(SPECS, NOW);
  return places;
}

/** age asks for a passphrase on a terminal only. */
const withTerminal = (words: string, line: string): Buffer =>
  run('script', ['-qec', line, '/dev/null'], `${words}\n${words}\n`);
const isScriptHere = spawnSync('script', ['--version']).status === 0;
const testWithTerminal = isAgeHere && isScriptHere ? test : test.skip;

testWithAge('a key that kbin locked opens with age, and signs', async () => {
  const [{ pki }, own] = [await store('locked'), await keygen('locked.txt')];
  const key = readFileSync(join(pki, 'ca.key'), 'utf8');
  await lockStore(pki, own.audience, own.identity);
  for (const name of ROOTS) {
    const opened = run('age', ['-d', '-i', own.file, join(pki, `${name}.key.age`)]).toString();
    const certificate = new X509Certificate(readFileSync(join(pki, `${name}.crt`)));
    expect(certificate.checkPrivateKey(createPrivateKey(opened))).toBe(true);
    if (name === 'ca') expect(opened).toBe(key);
  }
});

testWithAge('a key that age encrypted in its place is one that kbin opens', async () => {
  const [{ pki }, own] = [await store('sealed'), await keygen('sealed.txt')];
  const key = readFileSync(join(pki, 'ca.key'));
  await lockStore(pki, own.audience);
  const [recipient = ''] = own.audience.recipients;
  writeFileSync(join(pki, 'ca.key.age'), run('age', ['-a', '-r', recipient], key), { mode: 0o600 });
  await openPkiStore(pki, { unlock: () => Promise.resolve(own.identity) }).issue(leaf(), NOW);
  await unlockStore(pki, () => Promise.resolve(own.identity));
  expect(readFileSync(join(pki, 'ca.key'))).toEqual(key);
});

testWithAge('another identity opens it for neither', async () => {
  const [{ pki }, own, other] = [await store('foreign'), await keygen('own.txt'), await keygen('other.txt')];
  await lockStore(pki, own.audience);
  expect(spawnSync('age', ['-d', '-i', other.file, join(pki, 'ca.key.age')]).status).toBe(1);
  await expect(unlockStore(pki, () => Promise.resolve(other.identity))).rejects.toMatchObject({ code: 'PKI' });
});

testWithAge('a backup is an archive for age and tar; one that they made is a backup', async () => {
  const [places, own] = [await store('backup'), await keygen('backup.txt')];
  const { bytes } = await backUp(places, ABOUT, own.audience);
  mkdirSync(at('unpacked'));
  run('tar', ['-x', '-C', at('unpacked')], run('age', ['-d', '-i', own.file], Buffer.from(bytes)));
  const unpacked = contents(at('unpacked'));
  expect(Object.keys(unpacked)).toContain('backup.json');
  const packed = Object.entries(contents(places.pki)).map(([path, body]) => [`pki/${path}`, body]);
  expect(unpacked).toMatchObject(Object.fromEntries(packed) as object);

  const archive = run('tar', ['-c', '-C', at('unpacked'), ...Object.keys(unpacked)]);
  const [recipient = ''] = own.audience.recipients;
  const made = run('age', ['-r', recipient], archive);
  const backup = await readBackup(made, own.identity, 'made.age');
  await restore(backup!, placesIn(at('restored')), { isForced: false, now: NOW });
  expect(contents(placesIn(at('restored')).pki)).toEqual(contents(places.pki));
});

testWithTerminal('with a passphrase age opens kbin’s identity, and kbin opens an identity file of age', async () => {
  const words = 'correct horse battery staple';
  const { pki } = await store('passphrase');
  const key = readFileSync(join(pki, 'ca.key'), 'utf8');
  await lockStore(pki, { passphrase: new Secret(words), workFactor: 10 });
  const [identity, locked, out] = [join(pki, 'identity.age'), join(pki, 'ca.key.age'), at('ca.key')];
  withTerminal(words, `age -d -i ${identity} -o ${out} ${locked}`);
  expect(readFileSync(out, 'utf8')).toBe(key);

  const own = await keygen('plain.txt');
  withTerminal(words, `age -p -o ${at('own.age')} ${own.file}`);
  expect(existsSync(at('own.age'))).toBe(true);
  const encrypted = ageBytes(readFileSync(at('own.age')));
  expect(kindOf(encrypted)).toBe('passphrase');
  const opened = await decryptBytes(encrypted, { passphrase: new Secret(words) });
  expect(opened?.toString()).toBe(readFileSync(own.file, 'utf8'));
});
