import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSnapshot } from '../../../../src/commands/etcd/openSnapshot.ts';
import type { RunSession } from '../../../../src/commands/run.ts';
import { packFile } from '../../../../src/etcd/compress.ts';
import type { Audience } from '../../../../src/pki/age.ts';
import { newKeys, passphrase } from '../../pki/lockSamples.ts';

const home = mkdtempSync(join(tmpdir(), 'kbin-open-'));
const session = { engine: { inventory: { cluster: 'prod' } } } as RunSession;
const at = (name: string): string => join(home, name);
const spool = at('clusters/prod/spool');

beforeAll(() => {
  process.env['KBIN_HOME'] = home;
  writeFileSync(at('plain.db'), 'the database');
});
afterAll(() => {
  delete process.env['KBIN_HOME'];
  rmSync(home, { recursive: true });
});
afterEach(() => delete process.env['KBIN_AGE_PASSPHRASE']);

async function packed(name: string, audience: Audience): Promise<string> {
  await packFile(at('plain.db'), at(name), { compression: 'gzip', audience });
  return at(name);
}

test('a snapshot is opened with the passphrase that it was encrypted with, or an identity, and nothing of it stays', async () => {
  const keys = await newKeys();
  writeFileSync(at('identity.txt'), `${keys.text}\n`, { mode: 0o600 });
  const byKeys = await packed('keys.db.gz.age', keys.audience);
  const byPassphrase = await packed('words.db.gz.age', passphrase('right').audience);
  process.env['KBIN_AGE_PASSPHRASE'] = 'right';
  for (const [file, args] of [
    [byPassphrase, {}],
    [byKeys, { identity: at('identity.txt') }],
  ] as const) {
    const opened = await openSnapshot(session, file, args);
    expect(readFileSync(opened.path, 'utf8')).toBe('the database');
    await opened.dispose();
    expect(readdirSync(spool)).toEqual([]);
  }
});

test('without what opens it, and where it was cut off, it is refused and nothing stays', async () => {
  const keys = await newKeys();
  writeFileSync(at('identity.txt'), `${keys.text}\n`, { mode: 0o600 });
  const file = await packed('keys.db.gz.age', keys.audience);
  await expect(openSnapshot(session, file, {})).rejects.toMatchObject({ code: 'PKI' });
  writeFileSync(at('cut.db.gz.age'), readFileSync(file).subarray(0, -20));
  await expect(openSnapshot(session, at('cut.db.gz.age'), { identity: at('identity.txt') })).rejects.toThrow();
  expect(readdirSync(spool)).toEqual([]);
});
