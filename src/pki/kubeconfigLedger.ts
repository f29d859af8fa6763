import { readFileSync } from 'node:fs';
import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { systemCode } from './journal.ts';
import { editFile } from './kubeconfigFile.ts';
import type { IssuedUser } from './userCertificate.ts';

const VERSION = 1;
/** So long an expired one is still listed. */
const KEPT_MILLISECONDS = 90 * 86_400_000;

/** Client certificates that were handed out, in the order of issue. Throws PKI for a record that cannot be read. */
export function readIssued(file: string): IssuedUser[] {
  return parse(textOf(file), file);
}

/**
 * Remembers one more, and forgets those that expired more than 90 days before `now`. Safe for several processes at once.
 */
export async function recordIssued(file: string, issued: IssuedUser, now: number): Promise<void> {
  await editFile(file, {
    keepsBackup: false,
    text: (before) => {
      const kept = parse(before, file).filter(({ expires }) => Date.parse(expires) > now - KEPT_MILLISECONDS);
      return new Secret(`${JSON.stringify({ version: VERSION, kubeconfigs: [...kept, issued] }, null, 1)}\n`);
    },
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw new KbinError('PKI', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function parse(text: string, file: string): IssuedUser[] {
  if (text === '') return [];
  const { version, kubeconfigs } = recordIn(text) ?? {};
  if (version === VERSION && Array.isArray(kubeconfigs) && kubeconfigs.every(isIssued)) return kubeconfigs;
  const isLater = typeof version === 'number' && version > VERSION;
  throw new KbinError('PKI', `${file}: is ${isLater ? 'of a later kbin' : 'damaged'}`, {
    hint: isLater
      ? 'Use that kbin.'
      : 'Restore it from a backup. Without it kbin does not know which kubeconfigs are out there; move it away to start anew.',
  });
}

function recordIn(text: string): Partial<Record<string, unknown>> | null {
  try {
    return JSON.parse(text) as Partial<Record<string, unknown>> | null;
  } catch {
    return null;
  }
}

function isIssued(value: unknown): value is IssuedUser {
  const { name, groups, serial, fingerprint, issuedAt, expires } = (value ?? {}) as Partial<Record<string, unknown>>;
  const isText = (field: unknown): boolean => typeof field === 'string';
  return (
    [name, serial, fingerprint].every(isText) &&
    [issuedAt, expires].every((time) => typeof time === 'string' && !Number.isNaN(Date.parse(time))) &&
    Array.isArray(groups) &&
    groups.every(isText)
  );
}
