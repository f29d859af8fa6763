import { spawnSync } from 'node:child_process';
import {
  createReadStream,
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
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { packFile, packed, storedName, unpacked } from '../../../src/etcd/compress.ts';
import { throughProgram } from '../../../src/etcd/filter.ts';
import { sha256 } from '../../../src/model/digest.ts';
import type { Compression } from '../../../src/model/snapshot.ts';
import { newKeys } from '../pki/lockSamples.ts';

const folder = mkdtempSync(join(tmpdir(), 'kbin-pack-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const plain = Buffer.from(
  Array.from({ length: 60_000 }, (_, index) => `{"kind":"Pod","name":"pod-${index}"}`).join('\n'),
);
writeFileSync(at('raw'), plain);
const isZstdHere = spawnSync('zstd', ['--version']).status === 0;
const FORMS: Compression[] = isZstdHere ? ['none', 'gzip', 'zstd'] : ['none', 'gzip'];

test.each(
  FORMS.flatMap((compression) => [
    { compression, encrypted: false },
    { compression, encrypted: true },
  ]),
)('what is packed with %j comes back, and its length and hash are told', async ({ compression, encrypted }) => {
  const own = await newKeys();
  const to = at(storedName('prod-1', { compression, encrypted }));
  const told = await packFile(at('raw'), to, { compression, ...(encrypted ? { audience: own.audience } : {}) });
  const stored = readFileSync(to);
  expect(told).toEqual({ bytes: stored.length, sha256: sha256(stored) });
  expect(statSync(to).mode & 0o777).toBe(0o600);
  if (compression !== 'none') expect(stored.length).toBeLessThan(plain.length / 4);
  const back = await unpacked(createReadStream(to), { compression, encrypted, identity: own.identity });
  expect((await buffer(back)).equals(plain)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('names tell how it is stored', () => {
  const names = (['none', 'gzip', 'zstd'] as const).flatMap((compression) =>
    [false, true].map((encrypted) => storedName('n', { compression, encrypted })),
  );
  expect(names).toEqual(['n.db', 'n.db.age', 'n.db.gz', 'n.db.gz.age', 'n.db.zst', 'n.db.zst.age']);
});

test.each(FORMS.filter((compression) => compression !== 'none'))(
  'what is cut off or changed does not come back: %s',
  async (compression) => {
    const whole = await buffer(packed(Readable.from([plain]), { compression }));
    const back = async (bytes: Buffer): Promise<Buffer> =>
      buffer(await unpacked(Readable.from([bytes], { objectMode: false }), { compression, encrypted: false }));
    await expect(back(whole.subarray(0, -9))).rejects.toMatchObject({ code: 'STEP' });
    await expect(back(Buffer.alloc(1000, 'x'))).rejects.toMatchObject({ code: 'STEP' });
  },
);

test('without the right identity it is not opened', async () => {
  const [own, other] = [await newKeys(), await newKeys()];
  const whole = await buffer(packed(Readable.from([plain]), { compression: 'none', audience: own.audience }));
  for (const form of [{}, { identity: other.identity }]) {
    const source = Readable.from([whole]);
    const asked = unpacked(source, { compression: 'none', encrypted: true, ...form });
    await expect(asked).rejects.toMatchObject({ code: 'PKI' });
    expect(source.destroyed).toBe(true);
  }
});

test('a source that cannot be read, and a place that cannot be written, leave nothing behind', async () => {
  await expect(packFile(at('nothing'), at('out'), { compression: 'gzip' })).rejects.toThrow('ENOENT');
  await expect(packFile(at('raw'), at('no/folder'), { compression: 'none' })).rejects.toMatchObject({
    name: 'LocalError',
  });
  expect(existsSync(at('out'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
});

describe('through a program', () => {
  const hint = 'Install it.';
  const shell = (script: string, source: Readable = Readable.from([plain])): Promise<Buffer> =>
    buffer(throughProgram(source, { program: 'sh', args: ['-c', script], hint }));

  test('one that is not there says what to install', async () => {
    const asked = buffer(throughProgram(Readable.from([plain]), { program: 'no-such-zstd', args: [], hint }));
    await expect(asked).rejects.toMatchObject({ name: 'LocalError', code: 'STEP', hint });
  });

  test('one that fails is told with its words, also when it does not read what it is given', async () => {
    const failed = { name: 'LocalError', message: 'sh ended with 3', evidence: ['broken'] };
    await expect(shell('echo broken >&2; exit 3')).rejects.toMatchObject(failed);
    await expect(shell('cat; echo broken >&2; exit 3')).rejects.toMatchObject(failed);
    await expect(shell('kill -9 $$')).rejects.toMatchObject({ message: 'sh ended with a signal' });
  });

  test('one that needs no more than the beginning is no failure', async () => {
    expect((await shell('head -c 10; exit 0')).length).toBe(10);
  });

  test('a source that fails is the failure, though the program ends well', async () => {
    const broken = Readable.from(
      (async function* () {
        yield plain.subarray(0, 10);
        throw new Error('broken');
      })(),
    );
    await expect(shell('cat', broken)).rejects.toThrow('broken');
  });

  test('whoever stops reading ends it', async () => {
    const source = Readable.from([plain]);
    const stream = throughProgram(source, { program: 'sh', args: ['-c', 'echo $$; exec sleep 600'], hint });
    const [first] = (await stream.take(1).toArray()) as Buffer[];
    const isGone = (): boolean => {
      try {
        process.kill(Number(first?.toString()), 0);
        return false;
      } catch {
        return true;
      }
    };
    while (!isGone()) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(source.destroyed).toBe(true);
  });
});
