import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
  type MultipartUpload,
  type S3Client,
} from '@aws-sdk/client-s3';
import { KbinError } from '../../errors.ts';
import type { Clock } from '../../model/ports.ts';
import type { S3Target } from '../../model/snapshot.ts';
import type { SnapshotTarget, StoredFile } from '../target.ts';
import { telling } from './fault.ts';
import { checkName, isName } from './name.ts';
import { s3Client } from './s3Client.ts';
import { s3Fault, s3Label } from './s3Fault.ts';
import { type Place, upload } from './s3Upload.ts';
import { Source } from './source.ts';

/** An upload whose last part is older than this is nobody's. */
const ABANDONED_MS = 3_600_000;

/** A bucket, below a prefix. Nothing is asked of the server yet; STEP for a caFile that cannot be read. */
export async function s3Target(spec: S3Target, clock: Pick<Clock, 'now'>): Promise<SnapshotTarget> {
  return new S3Store(spec, await s3Client(spec, s3Label(spec)), clock);
}

class S3Store implements SnapshotTarget {
  readonly label: string;
  readonly #spec: S3Target;
  readonly #client: S3Client;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(spec: S3Target, client: S3Client, clock: Pick<Clock, 'now'>) {
    this.label = s3Label(spec);
    this.#spec = spec;
    this.#client = client;
    this.#clock = clock;
  }

  list(): Promise<StoredFile[]> {
    return this.#told(undefined, async () => {
      const pages = await allPages<ListObjectsV2CommandOutput>((last) =>
        this.#client.send(new ListObjectsV2Command({ ...this.#all(), ContinuationToken: last?.NextContinuationToken })),
      );
      const objects = pages.flatMap(({ Contents = [] }) => Contents);
      const files = objects.map(({ Key = '', Size = 0 }) => ({ name: this.#nameOf(Key), bytes: Size }));
      return files.filter(({ name }) => isName(name));
    });
  }

  async put(name: string, source: Readable, bytes: number): Promise<void> {
    checkName(this.label, name);
    const input = new Source(name, source, bytes);
    const place = this.#place(name);
    try {
      await upload({ client: this.#client, place, chunks: input.chunks(), bytes });
      const { ContentLength: stored } = await this.#client.send(new HeadObjectCommand(place));
      if (stored !== bytes) throw this.#otherSize(name, stored, bytes);
    } catch (error) {
      input.end();
      throw input.isFailure(error) ? error : s3Fault(error, this.#spec, name);
    }
  }

  async open(name: string): Promise<Readable> {
    checkName(this.label, name);
    const { Body } = await this.#told(name, () => this.#client.send(new GetObjectCommand(this.#place(name))));
    // In Node the SDK gives a stream of Node's.
    return telling(Body as Readable, (error) => s3Fault(error, this.#spec, name));
  }

  async remove(name: string): Promise<void> {
    checkName(this.label, name);
    await this.#told(name, () => this.#client.send(new DeleteObjectCommand(this.#place(name))));
  }

  sweep(): Promise<void> {
    return this.#told(undefined, async () => {
      for (const upload of await this.#uploads()) {
        if (!(await this.#isAbandoned(upload))) continue;
        await this.#client.send(new AbortMultipartUploadCommand(this.#whichOf(upload)));
      }
    });
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  /** Uploads under way of names that this target could have. */
  async #uploads(): Promise<MultipartUpload[]> {
    const pages = await allPages<ListMultipartUploadsCommandOutput>((last) =>
      this.#client.send(
        new ListMultipartUploadsCommand({
          ...this.#all(),
          KeyMarker: last?.NextKeyMarker,
          UploadIdMarker: last?.NextUploadIdMarker,
        }),
      ),
    );
    return pages.flatMap(({ Uploads = [] }) => Uploads).filter(({ Key = '' }) => isName(this.#nameOf(Key)));
  }

  /** A large upload over a slow line may have begun long ago: its last part tells whether it goes on. */
  async #isAbandoned(upload: MultipartUpload): Promise<boolean> {
    const isOld = (date: Date | undefined): boolean => this.#clock.now() - (date?.getTime() ?? 0) > ABANDONED_MS;
    if (!isOld(upload.Initiated)) return false;
    const pages = await allPages<ListPartsCommandOutput>((last) =>
      this.#client.send(
        new ListPartsCommand({ ...this.#whichOf(upload), PartNumberMarker: last?.NextPartNumberMarker }),
      ),
    );
    return pages.flatMap(({ Parts = [] }) => Parts).every(({ LastModified }) => isOld(LastModified));
  }

  async #told<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw s3Fault(error, this.#spec, name);
    }
  }

  #all() {
    return { Bucket: this.#spec.bucket, Prefix: this.#spec.prefix, Delimiter: '/' };
  }

  #whichOf({ Key, UploadId }: MultipartUpload) {
    return { Bucket: this.#spec.bucket, Key, UploadId };
  }

  #place(name: string): Place {
    return { Bucket: this.#spec.bucket, Key: `${this.#spec.prefix}${name}` };
  }

  #nameOf(key: string): string {
    return key.startsWith(this.#spec.prefix) ? key.slice(this.#spec.prefix.length) : '';
  }

  #otherSize(name: string, stored: number | undefined, bytes: number): KbinError {
    return new KbinError('STEP', `${this.label}: ${name} has ${stored ?? 'no'} bytes there, not ${bytes}.`, {
      hint: 'Somebody else may write to this prefix: give each cluster its own.',
    });
  }
}

/** Some servers name a next page that is none, which the SDK's own way through pages follows for ever. */
async function allPages<Page extends { IsTruncated?: boolean | undefined }>(
  ask: (last: Page | undefined) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  do pages.push(await ask(pages.at(-1)));
  while (pages.at(-1)?.IsTruncated === true);
  return pages;
}
