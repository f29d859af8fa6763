import { createHash, createHmac } from 'node:crypto';
import { matchesPattern } from './patterns.ts';

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHost {
  file: string;
  line: number;
  marker?: 'revoked' | 'cert-authority';
  /** The first field: names and patterns by comma, or one hashed name. */
  names: string;
  type: string;
  /** Base64, as it stands in the file. */
  key: string;
}

/** A public host key as a server shows it. */
export interface HostKey {
  type: string;
  key: string;
  /** `SHA256:…`, as ssh-keygen -l prints it. */
  fingerprint: string;
}

/** Where and under which name a key is looked up. */
export interface KeyPlace {
  address: string;
  port: number;
  /** HostKeyAlias of an OpenSSH configuration file. */
  keyName?: string;
}

export type Verdict =
  | { state: 'known' | 'unknown' }
  /** `others`: what the files hold for this name instead. */
  | { state: 'changed'; others: KnownHost[] }
  | { state: 'revoked'; others: KnownHost[] };

const LINE = /^\s*(?:@(revoked|cert-authority)\s+)?(\S+)\s+((?:ssh|ecdsa|sk)-\S+)\s+([A-Za-z0-9+/=]+)/;

/** The lines of a known_hosts file that hold a key; comments and what OpenSSH would not read either are skipped. */
export function knownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const [, marker, names, type, key] = LINE.exec(line) ?? [];
    if (names === undefined || type === undefined || key === undefined || names.startsWith('#')) return [];
    const place = { file, line: index + 1, names, type, key };
    return marker === 'revoked' || marker === 'cert-authority' ? [{ ...place, marker }] : [place];
  });
}

/** A key blob of the wire (RFC 4253, 6.6: its type comes first) in the terms of a known_hosts file. */
export function hostKey(blob: Buffer): HostKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  return { type, key: blob.toString('base64'), fingerprint: fingerprint(blob) };
}

/** `SHA256:…` of a key blob. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The name under which OpenSSH files a host's key: the bare address for port 22, `[address]:port` for others. */
export function knownName({ address, port, keyName }: KeyPlace): string {
  if (keyName !== undefined) return keyName.toLowerCase();
  return port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`;
}

/** Lines for this place, in the files' order, without certificate authorities (the ssh2 transport cannot use those). */
export function keysOf(entries: readonly KnownHost[], place: KeyPlace): KnownHost[] {
  const name = knownName(place);
  return entries.filter((entry) => entry.marker !== 'cert-authority' && isNamed(entry.names, name));
}

/**
 * What the files say about a key. A key of another type than the known ones counts as changed: the offer is ordered so
 * that a server which still has a known key shows that one. A key filed without its port is accepted, as by OpenSSH.
 */
export function judge(entries: readonly KnownHost[], place: KeyPlace, shown: HostKey): Verdict {
  const lines = keysOf(entries, place);
  const revoked = lines.filter((entry) => entry.marker === 'revoked' && isSame(entry, shown));
  if (revoked.length > 0) return { state: 'revoked', others: revoked };
  const kept = lines.filter((entry) => entry.marker === undefined);
  if (kept.some((entry) => isSame(entry, shown))) return { state: 'known' };
  if (kept.length > 0) return { state: 'changed', others: kept };
  const portless = place.port === 22 ? [] : keysOf(entries, { ...place, port: 22 });
  if (portless.some((entry) => entry.marker === 'revoked' && isSame(entry, shown)))
    return { state: 'revoked', others: portless };
  return { state: portless.some((entry) => isSame(entry, shown)) ? 'known' : 'unknown' };
}

const trimmed = (base64: string): string => base64.replace(/=+$/, '');
const isSame = (entry: KnownHost, shown: HostKey): boolean =>
  entry.type === shown.type && trimmed(entry.key) === trimmed(shown.key);

function isNamed(names: string, name: string): boolean {
  if (names.startsWith('|1|')) return isHashOf(names, name);
  const patterns = names.split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matchesPattern(pattern, name));
}

function isHashOf(hashed: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hashed.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** Names of host-key algorithms (RFC 8332 for rsa) by the type of the key that they use. */
const ALGORITHMS: Record<string, readonly string[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Host-key algorithms to offer, those of known keys first, so that the server shows a key that can be compared. */
export function hostKeyAlgorithms(entries: readonly KnownHost[], place: KeyPlace): string[] {
  const kept = (candidates: KnownHost[]) => candidates.filter((entry) => entry.marker === undefined);
  const named = kept(keysOf(entries, place));
  const known = named.length > 0 ? named : kept(keysOf(entries, { ...place, port: 22 }));
  const types = [...known.map((entry) => entry.type), ...Object.keys(ALGORITHMS)];
  return [...new Set(types)].flatMap((type) => ALGORITHMS[type] ?? []);
}
