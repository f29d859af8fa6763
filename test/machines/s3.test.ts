import { jest } from '@jest/globals';
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { types } from 'node:util';
import type { KbinError } from '../../src/errors.ts';
import type { SnapshotTarget } from '../../src/etcd/target.ts';
import { openTarget } from '../../src/etcd/targets/open.ts';
import type { S3Target } from '../../src/model/snapshot.ts';
import { bytesOf, fault, keepsTheContract, sha256, stream } from '../unit/etcd/targets/contract.ts';
import { expectYear } from '../unit/etcd/yearOfTarget.ts';
import { ACCESS_KEY, S3Server, SECRET_KEY, versitygw } from './s3Server.ts';

jest.setTimeout(60_000);
// The SDK looks for errors by instanceof, and in Jest those of sockets are not of the tests' own Error.
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    const isOwn = Function.prototype[Symbol.hasInstance].call(this as () => void, value);
    return isOwn || (this === Error && types.isNativeError(value));
  },
});
const MIB = 1024 * 1024;
const HOUR = 3_600_000;
const base = mkdtempSync(join(tmpdir(), 'kbin-s3-'));
const environment = { ...process.env };
let server: S3Server;
let client: S3Client;
let hoursAhead = 0;

const credentials = (more: Record<string, string> = {}): void => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, {
    // Nothing outside of this test tells credentials, nor is anybody asked over the network.
    AWS_SHARED_CREDENTIALS_FILE: join(base, 'nothing'),
    AWS_CONFIG_FILE: join(base, 'nothing'),
    AWS_EC2_METADATA_DISABLED: 'true',
    ...more,
  });
};
const rightOnes = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY };

const specOf = (more: Partial<S3Target> = {}): S3Target => ({
  kind: 's3',
  name: 'bucket',
  bucket: 'backups',
  prefix: '',
  region: 'us-east-1',
  endpoint: server.endpoint,
  pathStyle: true,
  ...more,
});
const open = (more: Partial<S3Target> = {}): Promise<SnapshotTarget> =>
  openTarget(specOf(more), {
    sftp: { open: () => Promise.reject(new Error('nobody asked for SFTP')) },
    clock: { now: () => Date.now() + hoursAhead * HOUR },
  });

/** Objects, and uploads that are under way, of the bucket. */
async function everything(Prefix = '', Bucket = 'backups'): Promise<string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
  return [...Contents.map(({ Key = '' }) => Key), ...Uploads.map(({ Key = '' }) => `upload of ${Key}`)].map((key) =>
    key.replace(Prefix, ''),
  );
}

/** No part of what is said may be a secret. */
const said = ({ message, hint, evidence, cause }: KbinError): string => {
  const text = [message, hint, ...evidence, JSON.stringify(cause ?? null)].join('\n');
  expect(text).not.toMatch(/poison|Signature=/);
  return text;
};

if (versitygw === undefined) {
  test.skip('no versitygw: S3 was not tested (scripts/binaries --tests builds it)', () => undefined);
}

(versitygw === undefined ? describe.skip : describe)('a bucket of a real S3 server', () => {
  beforeAll(async () => {
    server = await S3Server.start(join(base, 'server'));
    server.bucket('backups');
    credentials(rightOnes);
    client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true });
  });
  beforeEach(() => {
    hoursAhead = 0;
    credentials(rightOnes);
  });
  afterAll(async () => {
    client.destroy();
    await server.kill();
    rmSync(base, { recursive: true });
    process.env = environment;
  });

  describe.each(['', 'prod/etcd/'])('with the prefix "%s"', (prefix) => {
    let target: SnapshotTarget;
    beforeAll(async () => {
      server.bucket(`contract${prefix.length}`);
      target = await open({ prefix, bucket: `contract${prefix.length}` });
    });
    afterAll(() => target.close());
    keepsTheContract({ target: () => target, everything: () => everything(prefix, `contract${prefix.length}`) });
  });

  test('more files than one page of a list', async () => {
    const folder = join(server.bucket('backups'), 'many');
    mkdirSync(folder);
    const names = Array.from({ length: 1005 }, (_, index) => `f${String(index).padStart(4, '0')}.json`);
    for (const name of names) writeFileSync(join(folder, name), 'x');
    mkdirSync(join(folder, 'deeper'));
    writeFileSync(join(folder, 'deeper', 'other.json'), 'x');
    writeFileSync(join(server.bucket('backups'), 'many-others.json'), 'x');
    const target = await open({ prefix: 'many/' });
    expect((await target.list()).map(({ name }) => name)).toEqual(names);
    await target.close();
  });

  test('80 MiB with little memory', async () => {
    const target = await open({ prefix: 'large/' });
    const block = randomBytes(MIB);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    async function* blocks(): AsyncGenerator<Buffer> {
      for (let count = 0; count < 80; count += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield block;
      }
    }
    await target.put('a.db', Readable.from(blocks(), { objectMode: false }), 80 * MIB);
    expect(most).toBeLessThan(60 * MIB);
    let seen = 0;
    for await (const chunk of await target.open('a.db')) seen += (chunk as Buffer).length;
    expect(seen).toBe(80 * MIB);
    await target.close();
  });

  test.each([5, 20 * MIB])('a file of %d bytes has a checksum there', async (size) => {
    const target = await open({ prefix: 'summed/' });
    await target.put('a.db', stream(randomBytes(size)), size);
    const which = { Bucket: 'backups', Key: 'summed/a.db', ChecksumMode: 'ENABLED' } as const;
    expect((await client.send(new HeadObjectCommand(which))).ChecksumCRC32).toMatch(/^[A-Za-z0-9+/]+=*(-3)?$/);
    await target.close();
  });

  test('a sweep ends uploads that rest for an hour, of this prefix alone', async () => {
    const target = await open({ prefix: 'swept/' });
    const begin = async (Key: string): Promise<void> => {
      const place = { Bucket: 'backups', Key };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
      await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body: randomBytes(5 * MIB) }));
    };
    for (const key of ['swept/a.db', 'swept/b.db', 'swept/of others', 'swept/deeper/c.db', 'sweptaway.db'])
      await begin(key);
    await target.put('a.db', stream(Buffer.from('whole')), 5);
    expect(await target.list()).toEqual([{ name: 'a.db', bytes: 5 }]);
    await target.sweep();
    const others = ['upload of /deeper/c.db', 'upload of /of others', 'upload of away.db'];
    expect(await everything('swept')).toEqual(['/a.db', 'upload of /a.db', 'upload of /b.db', ...others]);
    hoursAhead = 2;
    await target.sweep();
    expect(await everything('swept')).toEqual(['/a.db', ...others]);
    await target.close();
  });

  test('a server that is killed half-way: the old file stays, and a sweep takes the rest', async () => {
    const target = await open({ prefix: 'killed/' });
    await target.put('a.db', stream(Buffer.from('old')), 3);
    async function* cut(): AsyncGenerator<Buffer> {
      for (let count = 0; count < 60; count += 1) {
        if (count === 30) await server.kill();
        yield randomBytes(MIB);
      }
    }
    const source = Readable.from(cut(), { objectMode: false });
    const error = await fault(target.put('a.db', source, 60 * MIB));
    expect(error.code).toBe('CONNECT');
    expect(said(error)).toContain(server.endpoint);
    expect(source.destroyed).toBe(true);
    expect((await fault(target.list())).code).toBe('CONNECT');

    await server.start();
    expect(await target.list()).toEqual([{ name: 'a.db', bytes: 3 }]);
    expect((await bytesOf(await target.open('a.db'))).toString()).toBe('old');
    hoursAhead = 2;
    await target.sweep();
    expect(await everything('killed/')).toEqual(['a.db']);
    await target.close();
  });

  test('a server that is killed while a file is read fails the reading', async () => {
    const target = await open({ prefix: 'reading/' });
    const bytes = randomBytes(40 * MIB);
    await target.put('a.db', stream(bytes), bytes.length);
    let seen = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of await target.open('a.db')) {
        seen += (chunk as Buffer).length;
        await server.kill();
      }
    };
    expect((await fault(reading())).code).toBe('CONNECT');
    expect(seen).toBeLessThan(bytes.length);
    await target.close();
    await server.start();
  });

  test('a year of weekly snapshots with failures', async () => {
    const target = await open({ prefix: 'year/' });
    await expectYear({ target, everyHours: 7 * 24 + 5, seed: 7 });
    await target.close();
  });

  test.each([
    ['no credentials', {}, 'no credentials', 'AWS_ACCESS_KEY_ID'],
    ['another access key', { ...rightOnes, AWS_ACCESS_KEY_ID: 'nobody' }, 'access key is not known', 'AWS_PROFILE'],
    ['another secret', { ...rightOnes, AWS_SECRET_ACCESS_KEY: 'poison-wrong' }, 'secret key is wrong', 'AWS_PROFILE'],
  ])('%s: AUTH, with what to set', async (_, given, message, hint) => {
    credentials(given);
    const target = await open();
    const attempts = [
      () => target.list(),
      () => target.put('a.db', stream(Buffer.from('a')), 1),
      () => target.put('a.db', stream(randomBytes(20 * MIB)), 20 * MIB),
      () => target.open('a.db'),
      () => target.remove('a.db'),
      () => target.sweep(),
    ];
    for (const attempt of attempts) {
      const error = await fault(attempt());
      expect(error).toMatchObject({ code: 'AUTH', evidence: expect.anything() });
      expect(error.message).toContain(message);
      expect(error.hint).toContain(hint);
      said(error);
    }
    await target.close();
  });

  test('no such bucket', async () => {
    const target = await open({ bucket: 'nothing' });
    const attempts = [
      () => target.list(),
      () => target.put('a.db', stream(Buffer.from('a')), 1),
      () => target.put('a.db', stream(randomBytes(20 * MIB)), 20 * MIB),
      () => target.sweep(),
    ];
    for (const attempt of attempts) {
      const error = await fault(attempt());
      expect(error.code).toBe('STEP');
      expect(error.message).toMatch(/^s3:\/\/nothing\/:.* there is no such bucket\.$/);
      said(error);
    }
    await target.close();
  });

  test('TLS is checked against caFile', async () => {
    const secure = await S3Server.start(join(base, 'secure'), { isTls: true });
    secure.bucket('backups');
    try {
      const { endpoint } = secure;
      const untrusted = await open({ endpoint });
      expect(await fault(untrusted.list())).toMatchObject({
        code: 'CONNECT',
        message: expect.stringContaining('not trusted'),
      });
      await untrusted.close();
      const caFile = join(base, 'secure', 'ca.pem');
      const target = await open({ endpoint, caFile });
      const bytes = randomBytes(17 * MIB);
      await target.put('a.db', stream(bytes), bytes.length);
      expect(sha256(await bytesOf(await target.open('a.db')))).toBe(sha256(bytes));
      await target.close();
      const missing = await fault(open({ endpoint, caFile: join(base, 'no.pem') }));
      expect(missing).toMatchObject({ code: 'STEP', message: expect.stringContaining('no.pem cannot be read') });
    } finally {
      await secure.kill();
    }
  });

  test('an endpoint where nobody listens', async () => {
    const nobody = await open({ endpoint: 'http://127.0.0.1:9' });
    expect(await fault(nobody.list())).toMatchObject({
      code: 'CONNECT',
      message: 's3://backups/: connection refused.',
    });
    await nobody.close();
  });
});
