import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ENCRYPTION, type Encryption } from '../../../src/model/encryption.ts';
import type { CertificateName } from '../../../src/model/pki.ts';
import type { NextGeneration, Pki } from '../../../src/model/ports.ts';
import { Secret } from '../../../src/model/secret.ts';
import { decryptText, encryptText } from '../../../src/pki/age.ts';
import { keyringOf, readLock, type Unlock } from '../../../src/pki/lock.ts';
import { lockStore, rekeyStore, unlockStore } from '../../../src/pki/locking.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { readAuthority } from '../../../src/pki/stored.ts';
import { answering, newKeys, passphrase, refusing, ROOTS, SIGNER, SPECS } from './lockSamples.ts';
import { authority, leaf, NOW, temporaryDirectory } from './samples.ts';

const base = temporaryDirectory();
let stores = 0;
const emptyDirectory = (): string => join(base, `pki-${(stores += 1)}`);

async function filledStore(): Promise<string> {
  const directory = emptyDirectory();
  const store = openPkiStore(directory);
  await store.issueAll(SPECS, NOW);
  await store.issueKeyPair({ name: 'sa', algorithm: 'ECDSA-P256' });
  return directory;
}

const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(directory, path)).isFile())
    .sort();
const contents = (directory: string): Record<string, string> =>
  Object.fromEntries(files(directory).map((path) => [path, readFileSync(join(directory, path), 'utf8')]));
const LOCKED = ROOTS.map((name) => `${name}.key.age`);
const READABLE = ROOTS.map((name) => `${name}.key`);
const CA: NextGeneration = { name: 'ca', authorities: [authority(), SIGNER], keyPairs: [] };

describe.each(['recipients', 'a passphrase'])('for %s', (way) => {
  const keysOf = async (text = 'right') => (way === 'recipients' ? newKeys() : passphrase(text));

  test('the keys of the authorities are locked, and nothing else changes; unlocked, all is as before', async () => {
    const directory = await filledStore();
    const { audience, identity } = await keysOf();
    const before = contents(directory);
    expect(await lockStore(directory, audience)).toEqual(READABLE);
    const own = way === 'recipients' ? ['lock.json'] : ['lock.json', 'identity.age'];
    const kept = Object.keys(before).filter((path) => !READABLE.includes(path));
    expect(files(directory)).toEqual([...kept, ...LOCKED, ...own].sort());
    expect(contents(directory)).toMatchObject(Object.fromEntries(kept.map((path) => [path, before[path]])));
    for (const path of files(directory)) expect(statSync(join(directory, path)).mode & 0o777).toBe(0o600);
    expect(await unlockStore(directory, answering(identity))).toEqual(READABLE);
    expect(contents(directory)).toEqual(before);
  });

  test('what needs no key of an authority asks nobody, and tells the same as before', async () => {
    const directory = await filledStore();
    const before = await openPkiStore(directory).list();
    await lockStore(directory, (await keysOf()).audience);
    const store = openPkiStore(directory, { unlock: refusing });
    const locked = ROOTS.map((name) => [name, { ...before[name], keySha256: '' }]);
    expect(await store.list()).toEqual({ ...before, ...Object.fromEntries(locked) });
    expect((await store.read({ certificate: 'ca', part: 'trusted' })).reveal()).toContain('BEGIN CERTIFICATE');
    expect((await store.read({ certificate: 'kubelet-signer', part: 'key' })).reveal()).toContain('PRIVATE KEY');
    expect(await store.clusterId()).toMatch(/^[0-9a-f]{16}$/);
    expect(await store.rotations()).toEqual([]);
    await store.issueKeyPair({ name: 'other', algorithm: 'ECDSA-P256' });
  });

  test('whoever issues is asked once, however much is issued', async () => {
    const directory = await filledStore();
    const { audience, identity } = await keysOf();
    await lockStore(directory, audience);
    const unlock = answering(identity);
    const store = openPkiStore(directory, { unlock });
    await Promise.all([store.issue(leaf(), NOW), store.issue(leaf({ name: 'etcd-peer@a', ca: 'etcd-ca' }), NOW)]);
    await store.probeIdentity({ authority: 'ca', generation: 'current', commonName: 'probe' }, NOW);
    const { ca, [leaf().name]: issued } = await store.list();
    expect(issued?.issuerKeyId).toBe(ca?.keyId);
    const key = await store.read({ certificate: 'ca', part: 'key' });
    expect(key.reveal()).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
    expect(unlock.asked()).toBe(1);
    expect(files(directory).filter((path) => READABLE.includes(path))).toEqual([]);
  });

  test('the wrong one opens nothing, and nothing is written', async () => {
    const directory = await filledStore();
    const poison = 'poison-passphrase';
    const [{ audience }, { identity }] = [await keysOf(), await keysOf(poison)];
    const keys = contents(directory);
    await lockStore(directory, audience);
    const before = contents(directory);
    const [unlock, next] = [answering(identity), (await newKeys()).audience];
    const attempts = [
      () => openPkiStore(directory, { unlock }).issue(leaf(), NOW),
      () => unlockStore(directory, unlock),
      () => rekeyStore(directory, unlock, next),
    ];
    for (const attempt of attempts) {
      const reason: unknown = await attempt().catch((error: unknown) => error);
      expect(reason).toMatchObject({ code: 'PKI', message: expect.stringContaining(directory) });
      const shown = inspect(reason, { depth: 9 });
      const secrets = [poison, ...READABLE.map((path) => keys[path]!.split('\n')[1]!)];
      if ('keys' in identity) secrets.push(...identity.keys.map((key) => key.reveal().slice(16)));
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
    expect(contents(directory)).toEqual(before);
  });

  test('locked for others, only they open it', async () => {
    const directory = await filledStore();
    const [old, next] = [await keysOf(), await newKeys()];
    const before = contents(directory);
    await lockStore(directory, old.audience);
    expect(await rekeyStore(directory, answering(old.identity), next.audience)).toEqual(READABLE);
    expect(readLock(directory)).toEqual({ recipients: [next.recipient], hasPassphrase: false });
    expect(existsSync(join(directory, 'identity.age'))).toBe(false);
    await expect(unlockStore(directory, answering(old.identity))).rejects.toMatchObject({ code: 'PKI' });
    const words = passphrase('other');
    await rekeyStore(directory, answering(next.identity), words.audience);
    await expect(unlockStore(directory, answering(next.identity))).rejects.toMatchObject({ code: 'PKI' });
    await unlockStore(directory, answering(words.identity));
    expect(contents(directory)).toEqual(before);
  });

  test('a rotation goes through with every generation locked, and the old one can still be probed', async () => {
    const directory = await filledStore();
    const { audience, identity } = await keysOf();
    await lockStore(directory, audience);
    const unlock = answering(identity);
    const store = openPkiStore(directory, { unlock });
    const readable = (): string[] => files(directory).filter((path) => /(^|\/)ca[^/]*\.key$/.test(path));
    const probe = (generation: 'next' | 'old' | 'retired') =>
      store.probeIdentity({ authority: 'ca', generation, commonName: 'probe' }, NOW);
    await store.begin(CA, NOW);
    expect(unlock.asked()).toBe(0);
    expect(files(directory)).toContain('ca-next.key.age');
    await probe('next');
    await store.promote('ca');
    await store.issue(leaf(), NOW);
    await probe('old');
    await store.distrust('ca');
    await probe('retired');
    await store.end('ca');
    expect(unlock.asked()).toBe(1);
    expect(readable()).toEqual([]);
    const retired = files(directory).filter((path) => path.startsWith('retired/') && path.includes('.key'));
    expect(retired.map((path) => path.split('/')[2])).toEqual(['ca-old.key.age', 'kubelet-signer-old.key.age']);
    const opened = await unlockStore(directory, unlock);
    expect(opened.map((path) => path.split('/').at(-1)).sort()).toEqual(
      [...READABLE, 'ca-old.key', 'kubelet-signer-old.key'].sort(),
    );
    await openPkiStore(directory).issue(leaf(), NOW);
  });
});

test('a store can be locked before there is anything in it: no key of an authority is ever readable', async () => {
  const directory = emptyDirectory();
  const { audience, identity } = await newKeys();
  expect(await lockStore(directory, audience)).toEqual([]);
  const store = openPkiStore(directory, { unlock: refusing });
  const issued = await store.issueAll(SPECS, NOW);
  expect(files(directory).filter((path) => READABLE.includes(path))).toEqual([]);
  expect(Object.values(await store.list())).toEqual(expect.arrayContaining(issued));
  await openPkiStore(directory, { unlock: answering(identity) }).issue(leaf(), NOW);
});

test('a generation that was retired before is locked too', async () => {
  const directory = await filledStore();
  const store = openPkiStore(directory);
  await store.begin(CA, NOW);
  await store.promote('ca');
  await store.distrust('ca');
  const { audience, identity } = await newKeys();
  const locked = await lockStore(directory, audience);
  expect(locked.filter((path) => path.startsWith('retired/'))).toHaveLength(2);
  await openPkiStore(directory, { unlock: answering(identity) }).probeIdentity(
    { authority: 'ca', generation: 'retired', commonName: 'probe' },
    NOW,
  );
});

describe('an encryption key that nothing is written with any more', () => {
  const encryption: Encryption = { provider: 'secretbox', resources: ['secrets'] };
  const rotation: NextGeneration = { name: ENCRYPTION, authorities: [], keyPairs: [], encryption };
  const retiredPath = (directory: string): string | undefined =>
    files(directory).find((path) => path.startsWith('retired/') && path.includes('encryption'));

  /** A store whose first key was rotated, and that key. */
  async function rotatedStore(before?: (directory: string) => Promise<unknown>) {
    const directory = await filledStore();
    const store = openPkiStore(directory);
    await store.issueEncryption(encryption, NOW);
    const { secret } = JSON.parse(contents(directory)['encryption.json']!) as { secret: string };
    await before?.(directory);
    await store.begin(rotation, NOW);
    await store.promote(ENCRYPTION);
    await store.distrust(ENCRYPTION);
    await store.end(ENCRYPTION);
    return { directory, store, secret };
  }
  const isReadable = (directory: string, secret: string): boolean =>
    Object.values(contents(directory)).some((text) => text.includes(secret));

  test('is locked with the keys, and comes back as it was; the one in use stays readable', async () => {
    const { directory, store, secret } = await rotatedStore();
    const [before, document] = [contents(directory), await store.read({ certificate: ENCRYPTION, part: 'key' })];
    const path = retiredPath(directory)!;
    expect([path.split('/')[2], isReadable(directory, secret)]).toEqual(['encryption-old.json', true]);
    const [own, next] = [passphrase('right'), await newKeys()];
    expect(await lockStore(directory, own.audience)).toEqual([...READABLE, path]);
    expect([retiredPath(directory), isReadable(directory, secret)]).toEqual([`${path}.age`, false]);
    // The API servers have it unencrypted, and every plan compares it with theirs.
    expect(contents(directory)['encryption.json']).toBe(before['encryption.json']);
    expect((await store.read({ certificate: ENCRYPTION, part: 'key' })).reveal()).toBe(document.reveal());
    expect(await rekeyStore(directory, answering(own.identity), next.audience)).toEqual([...READABLE, path]);
    expect(isReadable(directory, secret)).toBe(false);
    await expect(unlockStore(directory, answering(own.identity))).rejects.toMatchObject({ code: 'PKI' });
    expect(await unlockStore(directory, answering(next.identity))).toEqual([...READABLE, path]);
    expect(contents(directory)).toEqual(before);
  });

  test('is locked at once in a locked store, without asking anybody', async () => {
    const { audience, identity } = await newKeys();
    const { directory, secret } = await rotatedStore((path) => lockStore(path, audience));
    expect(isReadable(directory, secret)).toBe(false);
    const opened = await unlockStore(directory, answering(identity));
    expect(opened).toContain(retiredPath(directory));
    expect(isReadable(directory, secret)).toBe(true);
  });

  test('that was left readable, as by an earlier kbin, is locked with what is locked already', async () => {
    const { audience } = await newKeys();
    const { directory, secret } = await rotatedStore();
    const [path, text] = [retiredPath(directory)!, contents(directory)[retiredPath(directory)!]!];
    await lockStore(directory, audience);
    rmSync(join(directory, `${path}.age`));
    writeFileSync(join(directory, path), text, { mode: 0o600 });
    expect(await lockStore(directory, undefined)).toEqual([path]);
    expect(isReadable(directory, secret)).toBe(false);
  });

  test('is not taken for one when it is something else: nothing is written, and nothing of it is told', async () => {
    const { audience, identity, recipient } = await newKeys();
    const { directory } = await rotatedStore((path) => lockStore(path, audience));
    const poison = await encryptText(new Secret('{"provider":"secretbox","secret":"POISON"}'), {
      recipients: [recipient],
    });
    writeFileSync(join(directory, retiredPath(directory)!), poison, { mode: 0o600 });
    const before = contents(directory);
    const reason: unknown = await unlockStore(directory, answering(identity)).catch((error: unknown) => error);
    expect(reason).toMatchObject({
      code: 'PKI',
      message: expect.stringContaining('encryption-old.json.age: is damaged'),
    });
    expect(inspect(reason, { depth: 9 })).not.toContain('POISON');
    expect(contents(directory)).toEqual(before);
  });
});

test('a key that became readable in a locked store is locked again, without asking anybody', async () => {
  const directory = await filledStore();
  const { audience, identity } = await newKeys();
  const key = contents(directory)['ca.key'];
  await lockStore(directory, audience);
  writeFileSync(join(directory, 'ca.key'), key!, { mode: 0o600 });
  rmSync(join(directory, 'ca.key.age'));
  expect(await lockStore(directory, undefined)).toEqual(['ca.key']);
  expect(await lockStore(directory, undefined)).toEqual([]);
  await unlockStore(directory, answering(identity));
  expect(contents(directory)['ca.key']).toBe(key);
});

describe('refused, and nothing is written:', () => {
  const cases: [string, (directory: string, keys: Awaited<ReturnType<typeof newKeys>>) => Promise<unknown>, string][] =
    [
      ['locking twice', (directory, { audience }) => lockStore(directory, audience), 'are locked already'],
      [
        'a damaged key',
        async (directory, { identity }) => {
          truncate(directory, 'ca.key.age');
          return unlockStore(directory, answering(identity));
        },
        'ca.key.age: is damaged',
      ],
      [
        'a key that another certificate has',
        async (directory, { identity }) => {
          renameSync(join(directory, 'ca.key.age'), join(directory, 'x'));
          renameSync(join(directory, 'etcd-ca.key.age'), join(directory, 'ca.key.age'));
          renameSync(join(directory, 'x'), join(directory, 'etcd-ca.key.age'));
          return unlockStore(directory, answering(identity));
        },
        'does not belong to',
      ],
      [
        'a record that is damaged',
        async (directory, { identity }) => {
          truncate(directory, 'lock.json');
          return unlockStore(directory, answering(identity));
        },
        'lock.json: is damaged',
      ],
    ];

  test.each(cases)('%s', async (_, attempt, message) => {
    const directory = await filledStore();
    const keys = await newKeys();
    await lockStore(directory, keys.audience);
    const [names, before] = [files(directory), contents(directory)];
    await expect(attempt(directory, keys)).rejects.toMatchObject({
      code: 'PKI',
      message: expect.stringContaining(message),
    });
    expect(files(directory)).toEqual(names);
    expect(contents(directory)['front-proxy-ca.key.age']).toBe(before['front-proxy-ca.key.age']);
  });

  test('a store that nothing locks', async () => {
    const directory = await filledStore();
    const { audience, identity } = await newKeys();
    await expect(unlockStore(directory, answering(identity))).rejects.toThrow('are not locked');
    await expect(rekeyStore(directory, answering(identity), audience)).rejects.toThrow('are not locked');
    await expect(lockStore(directory, undefined)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a recipient that is not that of the identity at hand', async () => {
    const directory = await filledStore();
    const [own, other] = [await newKeys(), await newKeys()];
    const before = contents(directory);
    await expect(lockStore(directory, other.audience, own.identity)).rejects.toMatchObject({ code: 'PKI' });
    expect(contents(directory)).toEqual(before);
    await lockStore(directory, { recipients: [other.recipient, own.recipient] }, own.identity);
    expect(readLock(directory)?.recipients).toEqual([other.recipient, own.recipient]);
  });
});

const truncate = (directory: string, file: string): void => {
  const path = join(directory, file);
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -40), { mode: 0o600 });
};

test.each(['ca.key.age', 'lock.json', 'identity.age'])(
  '%s cut short: named before anything is issued',
  async (file) => {
    const directory = await filledStore();
    const { audience, identity } = passphrase('right');
    await lockStore(directory, audience);
    truncate(directory, file);
    const store = openPkiStore(directory, { unlock: answering(identity) });
    const before = contents(directory);
    await expect(store.issue(leaf(), NOW)).rejects.toMatchObject({
      code: 'PKI',
      message: expect.stringContaining(file),
    });
    expect(contents(directory)).toEqual(before);
    // The list does not need what opens the keys, and sees a damaged key all the same.
    if (file === 'ca.key.age') await expect(store.list()).rejects.toThrow('ca.key.age: is damaged');
  },
);

test('a locked key without its certificate is damage, not nothing', async () => {
  const directory = await filledStore();
  await lockStore(directory, (await newKeys()).audience);
  rmSync(join(directory, 'etcd-ca.crt'));
  await expect(openPkiStore(directory).list()).rejects.toThrow('etcd-ca.crt: is missing');
});

test('a new authority never takes the place of a locked one', async () => {
  const directory = await filledStore();
  await lockStore(directory, (await newKeys()).audience);
  for (const file of ['front-proxy-ca.crt']) rmSync(join(directory, file));
  const store = openPkiStore(directory);
  await expect(store.issue(SPECS[2]!, NOW)).rejects.toThrow('front-proxy-ca.key.age exists already');
});

test('without anybody to ask, a locked store says so', async () => {
  const directory = await filledStore();
  await lockStore(directory, (await newKeys()).audience);
  await expect(openPkiStore(directory).issue(leaf(), NOW)).rejects.toMatchObject({
    code: 'PKI',
    message: expect.stringContaining('are locked'),
  });
});

test('who is asked is told what opens the keys; after a refusal nobody is asked again', async () => {
  const directory = await filledStore();
  const { audience } = passphrase('right');
  await lockStore(directory, audience);
  const questions: unknown[] = [];
  const unlock: Unlock = (lock) => {
    questions.push(lock);
    return Promise.reject(new Error('nobody there'));
  };
  const store: Pki = openPkiStore(directory, { unlock });
  const issued = [leaf(), leaf({ name: 'kubelet@b' })].map((spec) => store.issue(spec, NOW));
  for (const result of await Promise.allSettled(issued))
    expect(result).toMatchObject({ reason: { message: 'nobody there' } });
  expect(questions).toEqual([{ recipients: [expect.stringMatching(/^age1/)], hasPassphrase: true }]);
});

test('an authority is read as an issuer through a keyring, for what is issued outside the store', async () => {
  const directory = await filledStore();
  const { audience, identity } = await newKeys();
  await lockStore(directory, audience);
  const issuer = await readAuthority(directory, 'ca', keyringOf(directory, answering(identity)));
  expect(issuer.name).toBe('ca');
  expect(inspect(issuer, { depth: 9 })).not.toContain('PRIVATE KEY-----');
});

test('a locked key is the very key, for age itself too', async () => {
  const directory = await filledStore();
  const { audience, identity } = passphrase('right');
  const key = contents(directory)['ca.key'];
  await lockStore(directory, audience);
  const { 'identity.age': own = '', 'ca.key.age': locked = '' } = contents(directory);
  const opener = (await decryptText(own, identity)) ?? new Secret('');
  expect((await decryptText(locked, { keys: [opener] }))?.reveal()).toBe(key);
});

test('only authorities at the top are locked: the key of one below goes to hosts', async () => {
  const directory = await filledStore();
  await lockStore(directory, (await newKeys()).audience);
  const names: CertificateName[] = Object.values(await openPkiStore(directory).list())
    .filter(({ keySha256 }) => keySha256 === '')
    .map(({ name }) => name);
  expect(names.sort()).toEqual([...ROOTS].sort());
});
