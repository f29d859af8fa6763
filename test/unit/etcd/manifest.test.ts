import { readManifest } from '../../../src/etcd/manifest.ts';
import { filesOf } from './memoryTarget.ts';

const whole = (): Record<string, unknown> =>
  JSON.parse(filesOf({ at: '2026-11-20T13:00:00Z', pki: true }).files[2]![1].toString()) as Record<string, unknown>;
const read = (value: unknown) => readManifest(JSON.stringify(value));

test('a manifest comes back as it was written', () => {
  expect(read(whole())).toEqual({ manifest: whole() });
  const { pki, ...rest } = whole();
  expect(pki).toBeDefined();
  expect(read(rest)).toEqual({ manifest: rest });
});

test('a further key is no fault', () => {
  expect(read({ ...whole(), later: 1 })).toEqual({ manifest: { ...whole(), later: 1 } });
});

test.each(Object.keys(whole()).filter((key) => key !== 'pki'))(
  'without %s, or with a list there, it is damaged',
  (key) => {
    const { [key]: gone, ...rest } = whole();
    expect(gone).toBeDefined();
    // What etcdutl tells is absent where there is none.
    if (key !== 'keys' && key !== 'hash') expect(read(rest)).toBe('damaged');
    if (key !== 'version') expect(read({ ...whole(), [key]: [] })).toBe('damaged');
  },
);

test.each([
  { takenAt: 'yesterday' },
  { revision: -1 },
  { revision: 1.5 },
  { hash: '0123ABCD' },
  { stored: { file: 'a', bytes: 1, sha256: 'b', compression: 'zstd', encrypted: false } },
  { pki: { file: 'a' } },
  { pki: null },
])('%j is damaged', (change) => {
  expect(read({ ...whole(), ...change })).toBe('damaged');
});

test.each(['', '{', 'null', '[]', '"text"', '{"name":"a"}'])('%s is damaged', (text) => {
  expect(readManifest(text)).toBe('damaged');
});

test('a manifest of another version is not called damaged', () => {
  expect(read({ version: 2, anything: true })).toEqual({ version: 2 });
});
