import { type ErrorCode, KbinError } from '../../errors.ts';
import { printable } from '../../model/plainText.ts';
import type { S3Target } from '../../model/snapshot.ts';

interface Words {
  code: ErrorCode;
  says: string;
  hint: string;
}

const CREDENTIALS =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE with a profile in ~/.aws/credentials, for whoever runs kbin.';
const auth = (says: string, hint: string): Words => ({ code: 'AUTH', says, hint });
const step = (says: string, hint: string): Words => ({ code: 'STEP', says, hint });
const connect = (says: string, hint: string): Words => ({ code: 'CONNECT', says, hint });
const DENIED = auth(
  'access denied',
  'The credentials need s3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts here.',
);
const REGION = step('the bucket is in another region', 'Write region of this target as the bucket has it.');
const EXPIRED = auth('the credentials have expired', 'Get new ones, or use ones that last.');
const UNTRUSTED = connect(
  'the endpoint’s certificate is not trusted',
  'Write caFile of this target, the PEM file of the authority that signed it.',
);
const BROKEN = connect('the connection broke', 'Try again; what was written in part is removed later.');
const SLOW = connect('the endpoint does not answer', 'Check endpoint of this target, and the way there.');
const NO_KEYS = auth('no credentials', CREDENTIALS);
const UNKNOWN_KEY = auth('the access key is not known there', CREDENTIALS);

/** Errors of S3 by their code (API reference, Error responses), of the SDK by their name, of the system by theirs. */
const WORDS: Record<string, Words> = {
  CredentialsProviderError: NO_KEYS,
  TokenProviderError: NO_KEYS,
  InvalidAccessKeyId: UNKNOWN_KEY,
  // versitygw's name for it.
  XAdminUserNotFound: UNKNOWN_KEY,
  SignatureDoesNotMatch: auth('the secret key is wrong', CREDENTIALS),
  AccessDenied: DENIED,
  Forbidden: DENIED,
  ExpiredToken: EXPIRED,
  InvalidToken: EXPIRED,
  RequestTimeTooSkewed: step('this machine’s clock is wrong', 'Set the clock: requests are signed with the time.'),
  NoSuchBucket: step('there is no such bucket', 'Make the bucket, or correct bucket of this target.'),
  NoSuchKey: step('is not there', 'Check prefix of this target.'),
  NotFound: step('is not there', 'Check bucket and prefix of this target.'),
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  TimeoutError: SLOW,
  ENOTFOUND: { code: 'RESOLVE', says: 'the name does not resolve', hint: 'Check endpoint of this target.' },
  EAI_AGAIN: { code: 'RESOLVE', says: 'no name server answers', hint: 'Check this machine’s resolver.' },
  ECONNREFUSED: connect('connection refused', 'Check endpoint of this target, and that the server runs.'),
  EHOSTUNREACH: SLOW,
  ENETUNREACH: SLOW,
  ETIMEDOUT: SLOW,
  ECONNRESET: BROKEN,
  EPIPE: BROKEN,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: connect('the endpoint’s certificate is for another name', 'Check endpoint.'),
  CERT_HAS_EXPIRED: connect('the endpoint’s certificate has expired', 'Renew it there.'),
};

/** The parts of an error that decisions stand on: its name, its system code, the status of the answer. */
interface Shape {
  name?: unknown;
  code?: unknown;
  message?: unknown;
  $metadata?: { httpStatusCode?: number };
}

/** Tells what fails at an S3 target; bugs stay as they are. `name`: of the file, if there is one. */
export function s3Fault(error: unknown, spec: S3Target, name?: string): unknown {
  if (error instanceof KbinError || typeof error !== 'object' || error === null) return error;
  const { code, $metadata, ...shape }: Shape = error;
  const key = [code, shape.name ?? (error as Shape).name].find((known) => typeof known === 'string' && known in WORDS);
  const words = typeof key === 'string' ? WORDS[key] : byStatus($metadata?.httpStatusCode);
  if (words === undefined) return error;
  const told = `${String((error as Shape).name)}: ${String((error as Shape).message)}`;
  return new KbinError(words.code, `${s3Label(spec)}:${name === undefined ? '' : ` ${name}:`} ${words.says}.`, {
    hint: words.hint,
    // No cause: the SDK's errors hold the answer and the request, and with it what was signed.
    evidence: [printable(told, 500), ...(spec.endpoint === undefined ? [] : [`endpoint ${spec.endpoint}`])],
  });
}

function byStatus(status: number | undefined): Words | undefined {
  if (status === undefined) return undefined;
  if (status === 401 || status === 403) return DENIED;
  if (status === 301 || status === 307) return REGION;
  return step(`the server answered with status ${status}`, 'Look into its log, and try again.');
}

/** For people. Without the endpoint, which errors tell beside it. */
export const s3Label = ({ bucket, prefix }: S3Target): string => `s3://${bucket}/${prefix}`;
