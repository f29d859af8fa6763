import type { Disagreement } from '../../model/certificateRow.ts';
import type { StoredCertificate } from '../../model/pki.ts';
import type { Disk } from './sight.ts';

const OTHERS_READ = 0o077;
const OTHERS_WRITE = 0o022;

/** The file with the key of the certificate in `path`: the one beside it, or the same one. */
export function keyFileOf({ files }: Disk, path: string): string | undefined {
  const beside = path.replace(/\.crt$/, '.key');
  if (beside !== path && files[beside] !== undefined) return beside;
  return files[path]?.holdsKey === true ? path : undefined;
}

const ownerOf = (what: string, is: string, wanted: string | undefined): Disagreement[] =>
  wanted === undefined || is === wanted ? [] : [{ code: 'owner', text: `${what} is owned by ${is}, not ${wanted}` }];

/** What is wrong with the file of a certificate itself. `owner` undefined: whose it is does not matter. */
export function fileDisagreements({ files }: Disk, path: string, owner: string | undefined): Disagreement[] {
  const file = files[path];
  if (file === undefined) return [];
  const isOpen = (Number.parseInt(file.mode, 8) & OTHERS_WRITE) !== 0;
  return [
    ...(isOpen ? [{ code: 'writable' as const, text: `others may write it: its mode is ${file.mode}` }] : []),
    ...ownerOf('its file', file.owner, owner),
  ];
}

interface WantedKey {
  /** Undefined: whose it is does not matter. */
  owner?: string;
  /** Undefined: which key it is cannot be told. */
  stored?: StoredCertificate | undefined;
}

/** What is wrong with the key that belongs to the certificate in `path`. Source of the mode: REFERENCE 1.1. */
export function keyDisagreements(disk: Disk, path: string, { owner, stored }: WantedKey): Disagreement[] {
  const keyFile = keyFileOf(disk, path);
  const key = keyFile === undefined ? undefined : disk.files[keyFile];
  if (key === undefined) return stored === undefined ? [] : [{ code: 'missing', text: 'its key is not on the disk' }];
  const isOpen = (Number.parseInt(key.mode, 8) & OTHERS_READ) !== 0;
  // The store has no digest of a key that is kept elsewhere.
  const wanted = stored?.keySha256 ?? '';
  const isOther = wanted !== '' && key.sha256 !== undefined && key.sha256 !== wanted;
  return [
    ...(isOpen
      ? [{ code: 'key-open' as const, text: `others may read its key: the mode is ${key.mode}, not 0600` }]
      : []),
    ...(isOther ? [{ code: 'key-differs' as const, text: "its key is not the store's" }] : []),
    ...ownerOf('its key', key.owner, owner),
  ];
}
