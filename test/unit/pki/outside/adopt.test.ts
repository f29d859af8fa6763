import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateSpecs } from '../../../../src/pki/catalog.ts';
import { certificatesIn } from '../../../../src/pki/chain.ts';
import { issueReason } from '../../../../src/pki/expiry.ts';
import { adopt, checkDependents, checkVacancy } from '../../../../src/pki/outside/adopt.ts';
import { givenAuthority, type GivenAuthority } from '../../../../src/pki/outside/givenAuthority.ts';
import { authorityWish } from '../../../../src/pki/outside/wishes.ts';
import { lockStore } from '../../../../src/pki/locking.ts';
import { openPkiStore } from '../../../../src/pki/store.ts';
import { authority, inventory, openssl, rows, temporaryDirectory, testWithOpenssl } from '../samples.ts';
import { CA, filesOf, make, textOf, wish } from './authorities.ts';

/** The sample of age's own documentation. */
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const AKI = 'authorityKeyIdentifier=keyid';
const base = temporaryDirectory();
let folders = 0;
function newFolder(): { folder: string; directory: string } {
  const folder = join(base, `store-${(folders += 1)}`);
  mkdirSync(folder);
  return { folder, directory: join(folder, 'pki') };
}

const given = (...input: Parameters<typeof givenAuthority>): GivenAuthority => {
  const result = givenAuthority(...input);
  if ('faults' in result) throw new Error(result.faults.join('\n'));
  return result;
};

/** An authority below a root of its own. */
function below(folder: string) {
  const root = make(folder, 'root');
  const own = make(folder, 'issuing', { issuer: root, extensions: [...CA, AKI] });
  return { root, own, files: filesOf(own, { chain: textOf(root.certificate) }) };
}

const specs = certificateSpecs(inventory(), rows).certificates;

testWithOpenssl('an authority with its key signs what it would have signed as kbin’s own', async () => {
  const { folder, directory } = newFolder();
  const { root, own, files } = below(folder);
  await adopt({ directory, rows }, [given(files, wish())]);
  const store = openPkiStore(directory);
  expect(readdirSync(directory).toSorted()).toEqual(['ca.crt', 'ca.json', 'ca.key']);
  for (const file of readdirSync(directory))
    expect([file, statSync(join(directory, file)).mode & 0o777]).toEqual([file, 0o600]);
  expect(await store.clusterId()).toMatch(/^[0-9a-f]{16}$/);
  // Everything else, with authorities of kbin's own beside it.
  await store.issueAll(
    specs.filter(({ name }) => name !== 'ca'),
    Date.now(),
  );
  const stored = await store.list();
  for (const spec of specs) {
    const issuer = spec.ca === undefined ? undefined : stored[spec.ca];
    expect([spec.name, issueReason({ spec, stored: stored[spec.name], issuer, now: Date.now() })]).toEqual([
      spec.name,
      null,
    ]);
  }
  const presented = join(directory, 'hosts/cp-1/apiserver.crt');
  expect(certificatesIn(textOf(presented))).toEqual([expect.any(String), textOf(own.certificate)]);
  openssl('verify', '-CAfile', root.certificate, '-untrusted', presented, presented);
  // What kubelets renew is signed with this file: exactly one certificate.
  expect(certificatesIn(textOf(join(directory, 'kubelet-signer.crt')))).toHaveLength(1);
  expect(certificatesIn(textOf(join(directory, 'hosts/cp-1/front-proxy-client.crt')))).toHaveLength(1);
});

testWithOpenssl('clients are believed below the authority alone; servers are verified up to its root', async () => {
  const { folder, directory } = newFolder();
  const { root, own, files } = below(folder);
  await adopt({ directory, rows }, [given(files, wish())]);
  const store = openPkiStore(directory);
  const [trusted, roots] = await Promise.all(
    (['trusted', 'roots'] as const).map((part) => store.read({ certificate: 'ca', part })),
  );
  expect(trusted?.reveal()).toBe(textOf(own.certificate));
  expect(roots?.reveal()).toBe(textOf(own.certificate) + textOf(root.certificate));
  // OpenSSL takes no authority below a root for an anchor, unless it is told to.
  await store.issue(
    specs.find(({ name }) => name === 'admin')!,
    Date.now(),
  );
  const [leaf, bundle] = [join(folder, 'leaf.pem'), join(folder, 'roots.pem')];
  writeFileSync(leaf, certificatesIn(textOf(join(directory, 'admin.crt')))[0]!);
  writeFileSync(bundle, roots!.reveal());
  openssl('verify', '-CAfile', bundle, leaf);
  expect(() => openssl('verify', '-CAfile', own.certificate, leaf)).toThrow();
  openssl('verify', '-partial_chain', '-CAfile', own.certificate, leaf);
});

testWithOpenssl('without its key the store knows that others sign, and kbin refuses to', async () => {
  const { folder, directory } = newFolder();
  const own = make(folder, 'issuing');
  await adopt({ directory, rows }, [given(filesOf(own, { key: null }), wish())]);
  const store = openPkiStore(directory);
  expect((await store.list())['ca']).toMatchObject({ isKeyOutside: true, keySha256: '', isAuthority: true });
  const refused = { code: 'PKI', message: 'the key of ca is kept outside: kbin cannot sign with it' };
  await expect(
    store.issue(
      specs.find(({ name }) => name === 'admin')!,
      Date.now(),
    ),
  ).rejects.toMatchObject(refused);
  await expect(store.read({ certificate: 'ca', part: 'key' })).rejects.toMatchObject(refused);
  expect(existsSync(join(directory, 'admin.key'))).toBe(false);
});

testWithOpenssl('a key that is lost is damage, not a key that is kept outside', async () => {
  const { folder, directory } = newFolder();
  const { files } = below(folder);
  await adopt({ directory, rows }, [given(files, wish())]);
  rmSync(join(directory, 'ca.key'));
  await expect(openPkiStore(directory).list()).rejects.toMatchObject({
    message: expect.stringContaining('ca.key: is missing'),
  });
  writeFileSync(join(directory, 'ca.json'), '{"key":"somewhere"}');
  await expect(openPkiStore(directory).list()).rejects.toMatchObject({
    message: expect.stringContaining('ca.json: does not say where the key of the authority is'),
  });
  writeFileSync(join(directory, 'ca.json'), '{');
  await expect(openPkiStore(directory).list()).rejects.toMatchObject({ code: 'PKI' });
});

testWithOpenssl('a chain that is cut off, or is not one, is damage', async () => {
  const { folder, directory } = newFolder();
  await adopt({ directory, rows }, [given(below(folder).files, wish())]);
  const store = openPkiStore(directory);
  await store.issue(
    specs.find(({ name }) => name === 'admin')!,
    Date.now(),
  );
  const [path, whole] = [join(directory, 'admin.crt'), textOf(join(directory, 'admin.crt'))];
  const [leaf = '', signer = ''] = certificatesIn(whole);
  for (const [text, fault] of [
    [whole.slice(0, -100), 'and something beside them'],
    [`${leaf}${leaf}`, 'number 2 did not sign the one before it'],
    [`${leaf}${signer}${signer}`, 'number 3 did not sign the one before it'],
    [`${signer}${leaf}`, 'holds more than one PEM block'],
  ] as const) {
    writeFileSync(path, text);
    const message = expect.stringContaining(`admin.crt: holds more than one PEM block`) as unknown;
    await expect(store.list()).rejects.toMatchObject({ code: 'PKI', message });
    await expect(store.read({ certificate: 'admin', part: 'certificate' })).rejects.toThrow(fault);
  }
  writeFileSync(path, leaf);
  expect((await store.list())['admin']?.chainKeyIds).toBeUndefined();
});

testWithOpenssl('what is in use is never replaced', async () => {
  const { folder, directory } = newFolder();
  await openPkiStore(directory).issue(authority(), Date.now());
  const before = readFileSync(join(directory, 'ca.crt'), 'utf8');
  expect(() => checkVacancy({ directory, rows }, ['ca'])).toThrow('ca is in the store of this cluster already');
  // Also where somebody else was faster.
  await expect(adopt({ directory, rows }, [given(filesOf(make(folder, 'own')), wish())])).rejects.toMatchObject({
    code: 'PKI',
  });
  expect(readFileSync(join(directory, 'ca.crt'), 'utf8')).toBe(before);
  expect(readdirSync(directory).toSorted()).toEqual(['ca.crt', 'ca.key']);
});

testWithOpenssl('an authority that was lost may come back, another one may not take its place', async () => {
  const { folder, directory } = newFolder();
  const own = make(folder, 'own');
  await adopt({ directory, rows }, [given(filesOf(own), wish())]);
  await openPkiStore(directory).issue(
    specs.find(({ name }) => name === 'admin')!,
    Date.now(),
  );
  for (const file of ['ca.crt', 'ca.key']) rmSync(join(directory, file));
  const ground = { rows, stored: await openPkiStore(directory).list() };
  expect(() => checkDependents(ground, given(filesOf(make(folder, 'other')), wish()))).toThrow(
    'admin is in the store, and another ca has signed it',
  );
  expect(() => checkDependents(ground, given(filesOf(own), wish()))).not.toThrow();
});

testWithOpenssl(
  'a locked store keeps the key of what it takes over locked, but for one that goes to hosts',
  async () => {
    const { folder, directory } = newFolder();
    await openPkiStore(directory).issue(authority({ name: 'etcd-ca' }), Date.now());
    await lockStore(directory, { recipients: [RECIPIENT] });
    const signer = given(filesOf(make(folder, 'signer')), wish({ name: 'kubelet-signer', below: 0 }));
    await adopt({ directory, rows }, [given(filesOf(make(folder, 'own')), wish()), signer]);
    expect(
      readdirSync(directory)
        .filter((file) => file.includes('.key'))
        .toSorted(),
    ).toEqual(['ca.key.age', 'etcd-ca.key.age', 'kubelet-signer.key']);
    expect(Object.keys(await openPkiStore(directory).list()).toSorted()).toEqual(['ca', 'etcd-ca', 'kubelet-signer']);
  },
);

testWithOpenssl('locked later, the key that goes to hosts stays readable too', async () => {
  const { folder, directory } = newFolder();
  const signer = given(filesOf(make(folder, 'signer')), wish({ name: 'kubelet-signer', below: 0 }));
  const outside = given(filesOf(make(folder, 'other'), { key: null }), wish({ name: 'etcd-ca', below: 0 }));
  await adopt({ directory, rows }, [given(filesOf(make(folder, 'own')), wish()), signer, outside]);
  await lockStore(directory, { recipients: [RECIPIENT] });
  const keys = readdirSync(directory).filter((file) => file.includes('.key'));
  expect(keys.toSorted()).toEqual(['ca.key.age', 'kubelet-signer.key']);
  expect((await openPkiStore(directory).list())['etcd-ca']).toMatchObject({ isKeyOutside: true });
});

test('what an authority has to be able to sign is what the catalog has below it', () => {
  const ground = { inventory: inventory(), rows, stored: {}, now: 0 };
  expect(authorityWish('ca', ground)).toMatchObject({ below: 1, usages: ['server', 'client'], days: 3650 });
  expect(authorityWish('front-proxy-ca', ground)).toMatchObject({ below: 0, usages: ['client'] });
  expect(authorityWish('kubelet-signer', ground)).toMatchObject({ below: 0, usages: ['client'] });
  const certificates = { ...inventory().certificates, kubeletServing: 'kubelet' as const };
  expect(authorityWish('kubelet-signer', { ...ground, inventory: inventory({ certificates }) }).usages).toEqual([
    'client',
    'server',
  ]);
  const stored = { 'kubelet-signer': {} as never };
  expect(authorityWish('ca', { ...ground, stored })).toMatchObject({ below: 0 });
});
