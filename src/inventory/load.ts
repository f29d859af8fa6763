import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KbinError } from '../errors.ts';
import type { Inventory } from '../model/inventory.ts';
import { faultLine } from './fault.ts';
import { inventoryIn } from './parse.ts';
import type { World } from './world.ts';

/**
 * The inventory in a file, with the secrets that it names by environment variables and files. Secrets are read once,
 * here. Throws INVENTORY with every fault as a line of evidence, or when the file itself cannot be read.
 */
export async function loadInventory(file: string): Promise<Inventory> {
  const text = await readText(file);
  const path = resolve(file);
  const world: World = { environment: process.env, folder: dirname(path), readSecret };
  const parsed = inventoryIn({ file: path, text }, world);
  if ('inventory' in parsed) return parsed.inventory;
  const { faults } = parsed;
  throw new KbinError('INVENTORY', `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in ${file}`, {
    evidence: faults.map((fault) => faultLine(file, fault)),
    hint: 'Correct these places; docs/reference.md describes every key.',
  });
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new KbinError('INVENTORY', `${file} cannot be read: ${reasonOf(cause)}`, {
      hint: 'Name an inventory with -i, or write one with kbin init.',
      cause,
    });
  });
  try {
    // The mark of byte order stays, so that the digest is the file's.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new KbinError('INVENTORY', `${file} is not UTF-8 text`, { hint: 'Save it in UTF-8.', cause });
  }
}

function readSecret(path: string): { text: string } | { reason: string } {
  try {
    const text = readFileSync(path, 'utf8');
    return text.trim() === '' ? { reason: `the file ${path} is empty` } : { text };
  } catch (error) {
    return { reason: `the file ${path} cannot be read: ${reasonOf(error)}` };
  }
}

/** Such as `no such file (ENOENT)`. */
function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
  return REASONS[code] ?? code;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};
