import type { CertificateName, CertSpec, StoredCertificate } from '../../model/pki.ts';
import { Secret } from '../../model/secret.ts';
import { changing } from '../access.ts';
import { recordText } from '../authorityRecord.ts';
import { readCertificate, sha256Hex } from '../certificate.ts';
import { describeChain, readChain } from '../chain.ts';
import { issueReason } from '../expiry.ts';
import { type NewFile, writeTogether } from '../journal.ts';
import { placesOf } from '../layout.ts';
import { certificatesOf } from './foreignPem.ts';
import type { NamedText } from './givenAuthority.ts';
import type { PendingRequest } from './requests.ts';
import { type Candidate, type Foreign, storedText, type Verdict, verdictOn } from './signedCertificate.ts';

/** What signed certificates are compared with. */
export interface SigningGround {
  /** By the sha256 of their public keys, hex. */
  pending: ReadonlyMap<string, PendingRequest>;
  /** Certificates that have to exist. */
  specs: ReadonlyMap<CertificateName, CertSpec>;
  stored: Readonly<Record<CertificateName, StoredCertificate>>;
  /** Milliseconds since the epoch. */
  now: number;
}

/** A certificate that may take its place in the store. */
export interface Accepted {
  name: CertificateName;
  request: PendingRequest;
  /** As it came, PEM. */
  text: string;
  files: NewFile[];
}

export interface Judgement {
  accepted: Accepted[];
  /** Certificates that are in the store already. */
  known: CertificateName[];
  /** Not wrong, but the operator should know; each as `FILE: NAME what`. */
  notes: string[];
  faults: string[];
}

/** Whether these certificates are what was asked for. Their requests are found by the public key. */
export function judgeSigned(files: readonly NamedText[], ground: SigningGround): Judgement {
  const judgement: Judgement = { accepted: [], known: [], notes: [], faults: [] };
  const all = files.flatMap((file) => foreignIn(file, judgement.faults));
  const sorted = all.map((foreign) => ({ foreign, request: ground.pending.get(sha256Hex(foreign.read.spki)) }));
  const pool = sorted.flatMap(({ foreign, request }) => (request === undefined ? [foreign] : []));
  for (const { foreign, request } of sorted) {
    if (request === undefined) sortOther(foreign, ground, judgement);
    else judgeOne({ foreign, request, pool }, ground, judgement);
  }
  const { accepted, known, faults } = judgement;
  if (accepted.length + known.length + faults.length === 0)
    faults.push(`${files.map(({ label }) => label).join(', ')}: no certificate for any request that waits`);
  return judgement;
}

function foreignIn({ label, text }: NamedText, faults: string[]): Foreign[] {
  try {
    return certificatesOf(text).map((pem) => ({ label, pem, read: readCertificate(pem) }));
  } catch (error) {
    faults.push(`${label}: ${(error as Error).message}`);
    return [];
  }
}

/** Authorities are taken where they are needed between a certificate and its authority. */
function sortOther({ label, read }: Foreign, { specs, stored }: SigningGround, { known, faults }: Judgement): void {
  const spki = sha256Hex(read.spki);
  const own = Object.values(stored).find(
    ({ spkiSha256, serial }) => spkiSha256 === spki && serial === read.x509.serialNumber,
  );
  // An authority that others sign for is above them, and comes with them.
  if (own !== undefined && specs.get(own.name)?.ca !== undefined) known.push(own.name);
  else if (!read.x509.ca)
    faults.push(`${label}: ${read.commonName} is for no request that waits: its key is another one`);
}

interface Found {
  foreign: Foreign;
  request: PendingRequest;
  pool: readonly Foreign[];
}

function judgeOne({ foreign, request, pool }: Found, ground: SigningGround, judgement: Judgement): void {
  const { name } = request;
  const { accepted, faults, notes } = judgement;
  const say = (what: string): string => `${foreign.label}: ${name} ${what}`;
  const spec = ground.specs.get(name);
  const authority = ground.stored[spec?.ca ?? ''];
  if (spec === undefined) return void faults.push(say('is no longer needed by the inventory'));
  if (authority?.pem === undefined)
    return void faults.push(say(`has its authority ${spec.ca ?? ''} missing in the store`));
  if (spec.isAuthority && ground.stored[name] !== undefined)
    return void faults.push(say('is an authority that is in the store already'));
  const twin = accepted.find((other) => other.name === name);
  if (twin !== undefined) return twin.text === foreign.pem ? undefined : void faults.push(say('is there twice'));
  const read = readCertificate(authority.pem);
  const candidate = { signed: foreign, spec, authority: { stored: authority, read }, pool, now: ground.now };
  const verdict = verdictOn(candidate);
  notes.push(...verdict.notes.map(say));
  const wrong = verdict.faults.length > 0 ? verdict.faults : stillWanted(candidate, verdict);
  faults.push(...wrong.map(say));
  if (wrong.length === 0)
    accepted.push({ name, request, files: filesOf(candidate, verdict, request), text: foreign.pem });
}

/** What the planner would say of it as soon as it is in the store: then it must not come there. */
function stillWanted(candidate: Candidate, verdict: Verdict): string[] {
  const { spec, authority, now } = candidate;
  const publicPem = storedText(candidate, verdict);
  const stored = describeChain(spec.name, readChain(publicPem), { publicPem, keyPem: '' });
  if (spec.isAuthority) return [];
  const why = issueReason({ spec, stored, issuer: authority.stored, now, renewWithinDays: 0 });
  return why === null ? [] : [`would have to be issued again: ${why}`];
}

function filesOf(candidate: Candidate, verdict: Verdict, { key }: PendingRequest): NewFile[] {
  const { spec, authority } = candidate;
  const { certificate, key: place, document } = placesOf(spec.name);
  const isPermanent = spec.isAuthority;
  const above = [...verdict.between, authority.stored.pem ?? '', ...(authority.stored.above ?? [])];
  const record = isPermanent && verdict.between.length > 0 ? recordText({ isKeyOutside: false, above }) : undefined;
  return [
    { path: certificate, body: storedText(candidate, verdict), isPermanent },
    { path: place, body: new Secret(key.reveal()), isPermanent },
    ...(record === undefined ? [] : [{ path: document, body: record, isPermanent }]),
  ];
}

/** Gives these certificates their places, with their keys, all or none; their requests wait no more. */
export function placeSigned(directory: string, accepted: readonly Accepted[]): Promise<void> {
  return changing(directory, () =>
    writeTogether(
      directory,
      accepted.flatMap(({ files }) => files),
      accepted.map(({ request }) => request.path),
    ),
  );
}
