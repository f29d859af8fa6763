import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { KbinError } from '../../errors.ts';
import type { S3Target } from '../../model/snapshot.ts';

const CONNECT_MS = 15_000;
/** Silence on a connection: a server may take long to put the parts together. */
const SILENCE_MS = 120_000;

/** A client that looks for its credentials where the AWS SDK does. Throws STEP for a caFile that cannot be read. */
export async function s3Client(spec: S3Target, label: string): Promise<S3Client> {
  const ca = spec.caFile === undefined ? undefined : await authority(spec.caFile, label);
  // The SDK would write a page on standard error that its future versions need another Node; kbin's is pinned.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  return new S3Client({
    region: spec.region,
    forcePathStyle: spec.pathStyle,
    ...(spec.endpoint === undefined ? {} : { endpoint: spec.endpoint }),
    // In a header of requests whose body is known: servers that do not know checksums leave it alone.
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    // What is read back is compared with the manifest's sha256.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      // Agents, not their options: of those the SDK forgets the authority for requests with Expect: 100-continue.
      httpsAgent: new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) }),
      httpAgent: new HttpAgent({ keepAlive: true }),
    },
  });
}

async function authority(path: string, label: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new KbinError('STEP', `${label}: caFile ${path} cannot be read.`, {
      hint: 'It is the PEM file of the authority that signed for the endpoint.',
      cause,
    });
  }
}
