import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { decryptBytes, encryptBytes, kindOf, type Identity } from '../../../src/pki/age.ts';
import { decryptStream, encryptStream } from '../../../src/pki/ageStream.ts';
import { piecesOf } from '../etcd/proving.ts';
import { newKeys, passphrase } from './lockSamples.ts';

const CHUNK = 65_536;
const LENGTHS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5];

const streamOf = (bytes: Buffer, length = 10_000): Readable =>
  Readable.from(piecesOf(bytes, length), { objectMode: false });

async function opened(bytes: Buffer, identity: Identity, length?: number): Promise<Buffer | undefined> {
  const stream = await decryptStream(streamOf(bytes, length), identity);
  return stream === undefined ? undefined : buffer(stream);
}

test.each(LENGTHS)('%i bytes are what the library opens, and what it encrypted is opened', async (length) => {
  const [own, plain] = [await newKeys(), randomBytes(length)];
  const encrypted = await buffer(encryptStream(streamOf(plain), own.audience));
  expect(kindOf(encrypted)).toBe('keys');
  expect((await decryptBytes(encrypted, own.identity))?.equals(plain)).toBe(true);
  const theirs = Buffer.from(await encryptBytes(plain, own.audience));
  expect(encrypted).toHaveLength(theirs.length);
  for (const piece of [1000, CHUNK, CHUNK + 16, 1_000_000]) {
    expect((await opened(theirs, own.identity, piece))?.equals(plain)).toBe(true);
  }
});

test('it arrives in any pieces, also byte by byte', async () => {
  const [own, plain] = [await newKeys(), randomBytes(300)];
  const encrypted = await buffer(encryptStream(streamOf(plain, 1), own.audience));
  expect((await opened(encrypted, own.identity, 1))?.equals(plain)).toBe(true);
});

test('every recipient opens it, and nobody else does', async () => {
  const [first, second, stranger] = [await newKeys(), await newKeys(), await newKeys()];
  const audience = { recipients: [first.recipient, second.recipient] };
  const encrypted = await buffer(encryptStream(streamOf(Buffer.from('plain')), audience));
  for (const { identity } of [first, second]) expect((await opened(encrypted, identity))?.toString()).toBe('plain');
  expect(await opened(encrypted, stranger.identity)).toBeUndefined();
  const head = encrypted.subarray(0, encrypted.indexOf('\n---')).toString();
  expect(head.match(/^-> /gm)).toHaveLength(2);
});

test('a passphrase opens it, another one does not', async () => {
  const [right, wrong] = [passphrase('right'), passphrase('wrong')];
  const encrypted = await buffer(encryptStream(streamOf(Buffer.from('plain')), right.audience));
  expect(kindOf(encrypted)).toBe('passphrase');
  expect((await opened(encrypted, right.identity))?.toString()).toBe('plain');
  expect(await opened(encrypted, wrong.identity)).toBeUndefined();
});

test('two files of the same have nothing in common', async () => {
  const own = await newKeys();
  const [one, two] = await Promise.all(
    [0, 1].map(() => buffer(encryptStream(streamOf(Buffer.alloc(1000)), own.audience))),
  );
  expect(one!.subarray(-500).equals(two!.subarray(-500))).toBe(false);
});

test('what is cut off, changed or longer is damaged, wherever', async () => {
  const own = await newKeys();
  const plain = randomBytes(2 * CHUNK + 100);
  const whole = await buffer(encryptStream(streamOf(plain), own.audience));
  const payload = whole.length - plain.length - 3 * 16;
  const cuts = [
    0,
    10,
    150,
    payload - 1,
    payload,
    payload + 5,
    payload + CHUNK + 16,
    payload + 2 * (CHUNK + 16),
    whole.length - 1,
  ];
  for (const cut of cuts) {
    const said = opened(whole.subarray(0, cut), own.identity);
    await expect(said).rejects.toThrow(/^is damaged, or only part of a file that age encrypted$/);
  }
  for (const at of [100, 170, payload - 10, payload, payload + CHUNK + 20, whole.length - 20, whole.length - 1]) {
    const changed = Buffer.from(whole);
    changed[at] = changed[at]! ^ 1;
    const said = await opened(changed, own.identity).catch((error: unknown) => (error as Error).message);
    // In the head it may be somebody else's recipient by now.
    expect([at, said === undefined ? 'foreign' : said.toString()]).toEqual([
      at,
      expect.stringMatching(/^foreign|^is damaged/),
    ]);
  }
  await expect(opened(Buffer.concat([whole, Buffer.from('x')]), own.identity)).rejects.toThrow('is damaged');
  await expect(opened(Buffer.alloc(1_000_000, 'x'), own.identity)).rejects.toThrow('is damaged');
});

test('a whole file that ends with an empty chunk is damaged: age never makes one', async () => {
  const own = await newKeys();
  const whole = await buffer(encryptStream(streamOf(randomBytes(CHUNK)), own.audience));
  await expect(opened(Buffer.concat([whole, Buffer.alloc(16)]), own.identity)).rejects.toThrow('is damaged');
});

test('a source that fails fails what is made of it', async () => {
  const own = await newKeys();
  const broken = (): Readable =>
    new Readable({
      read() {
        this.destroy(new Error('broken'));
      },
    });
  await expect(buffer(encryptStream(broken(), own.audience))).rejects.toThrow('broken');
  await expect(decryptStream(broken(), own.identity)).rejects.toThrow('broken');
});
