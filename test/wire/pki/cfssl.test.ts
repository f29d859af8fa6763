import { readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import {
  cfssl,
  cfsslJson,
  file,
  isCfsslHere,
  isVerifiedByGo,
  kbin,
  openssl,
  signerFiles,
  type Wish,
} from './programs.ts';
import { expectSame, expectValid } from './sameness.ts';
import { CA_REQUESTS, CONFIG, EC_CA, newSigner, REQUESTS, signerHere } from './wishes.ts';

/**
 * The same request and profile, given to cfssl and to kbin, must become the same certificate. Where kbin differs it does
 * so on purpose: differences.test.ts lists it. Skipped where cfssl is not installed (scripts/prepare installs it).
 */
jest.setTimeout(120_000);
const testWithCfssl = isCfsslHere ? test : test.skip;

describe('a new authority', () => {
  testWithCfssl.each(Object.entries(CA_REQUESTS))('%s', async (_, request) => {
    const [ours, theirs] = [await kbin({ request }), cfssl({ request })];
    expectSame(ours, theirs);
    expectValid(ours, { ca: file(ours.cert), key: '' }, {});
  });
});

describe.each(['server', 'client', 'peer', 'ca', 'ca-1', 'ca-0', 'everything', 'dated', undefined])(
  'the profile %s',
  (profile) => {
    // Nobody could tell by whom such an authority's certificates are signed; see below.
    const isRefused = (name: string): boolean => profile?.startsWith('ca') === true && name === 'hosts only';
    const requests = Object.entries(REQUESTS).filter(([name]) => !isRefused(name));
    testWithCfssl.each(requests)('%s', async (_, request) => {
      const signer = signerHere();
      const wish: Wish = { request, signer, config: CONFIG, ...(profile === undefined ? {} : { profile }) };
      const [ours, theirs] = [await kbin(wish), cfssl(wish)];
      expectSame(ours, theirs);
      if (profile !== 'everything') expectValid(ours, signer, request);
    });
  },
);

testWithCfssl('without a configuration', async () => {
  const wish = { request: REQUESTS['server, RSA 2048']!, signer: signerHere() };
  const [ours, theirs] = [await kbin(wish), cfssl(wish)];
  expectSame(ours, theirs);
  expectValid(ours, wish.signer, wish.request);
});

testWithCfssl('hosts of the command line', async () => {
  const wish = { request: { CN: 'x', hosts: ['a.b'] }, signer: signerHere(), hostname: 'c.d,10.0.0.1,e@f.g' };
  expectSame(await kbin(wish), cfssl(wish));
});

testWithCfssl.each([
  'RSA 2048, path length',
  'RSA 3072',
  'ECDSA 384, path length zero',
  'ECDSA 521, path length zero without its key',
])('an authority with %s signs with the same algorithm', async (name) => {
  const signer = newSigner(CA_REQUESTS[name]!);
  const wish = { request: { CN: 'x', hosts: ['a.example'] }, signer, config: CONFIG, profile: 'server' };
  const [ours, theirs] = [await kbin(wish), cfssl(wish)];
  expectSame(ours, theirs);
  expectValid(ours, signer, wish.request);
});

testWithCfssl('cfssl signs with an authority that kbin made, and with one below it', async () => {
  const root = signerFiles(await kbin({ request: { CN: 'root', key: { algo: 'rsa', size: 2048 } } }));
  const below = signerFiles(await kbin({ request: { CN: 'below' }, signer: root, config: CONFIG, profile: 'ca-0' }));
  const wish = { request: { CN: 'x', hosts: ['a.example'] }, signer: below, config: CONFIG, profile: 'server' };
  const [ours, theirs] = [await kbin(wish), cfssl(wish)];
  expectSame(ours, theirs);
  for (const { cert } of [ours, theirs]) {
    const path = file(cert);
    const chain = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', root.ca, '-untrusted', below.ca, path];
    expect(openssl(...chain)).toBe(`${path}: OK\n`);
    expect(isVerifiedByGo(cert, { root: root.ca, between: below.ca })).toBe(true);
    expect(isVerifiedByGo(cert, { root: signerHere().ca, between: below.ca })).toBe(false);
  }
});

testWithCfssl('cfssljson -bare makes files of what kbin prints', async () => {
  const made = await kbin({ request: { CN: 'x' } });
  const base = cfsslJson(JSON.stringify(made));
  const texts = ['.pem', '-key.pem', '.csr'].map((end) => readFileSync(`${base}${end}`, 'utf8'));
  expect(texts).toEqual([made.cert, made.key, made.csr]);
});

describe('both refuse', () => {
  testWithCfssl.each<[string, string, () => Wish]>([
    ['an unknown algorithm', 'USAGE', () => ({ request: { CN: 'x', key: { algo: 'dsa', size: 2048 } } })],
    ['a small RSA key', 'USAGE', () => ({ request: { CN: 'x', key: { algo: 'rsa', size: 1024 } } })],
    ['an unknown curve', 'USAGE', () => ({ request: { CN: 'x', key: { algo: 'ecdsa', size: 224 } } })],
    ['RSA without a size', 'USAGE', () => ({ request: { CN: 'x', key: { algo: 'rsa' } } })],
    ['a bad expiry', 'USAGE', () => ({ request: { CN: 'x', ca: { expiry: '365d' } } })],
    ['an authority without a name', 'USAGE', () => ({ request: { hosts: ['a.b'] } })],
    ['a ca section for a leaf', 'USAGE', () => ({ request: { CN: 'x', ca: {} }, signer: signerHere() })],
    ['what is no JSON', 'USAGE', () => ({ request: [] })],
    [
      'the key of another authority',
      'PKI',
      () => ({ request: { CN: 'x' }, signer: { ...signerHere(), key: newSigner(EC_CA).key } }),
    ],
    ['an authority that is none', 'PKI', () => ({ request: { CN: 'x' }, signer: { ca: file('x'), key: file('y') } })],
  ])('%s', async (_, code, wish) => {
    const wanted = wish();
    expect(() => cfssl(wanted)).toThrow();
    await expect(kbin(wanted)).rejects.toMatchObject({ code });
  });
});
