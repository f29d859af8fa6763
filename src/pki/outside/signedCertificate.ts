import type { CertSpec, StoredCertificate } from '../../model/pki.ts';
import { type ReadCertificate, usagesOf } from '../certificate.ts';
import { presentedBy } from '../chain.ts';
import { EXTENSIONS, hasKeyUsage, readBasicConstraints } from '../extensions.ts';
import { dateFaults, hasSigned, isWeaklySigned, signingFaults } from './signing.ts';

/** A certificate from elsewhere. */
export interface Foreign {
  /** File that it came in. */
  label: string;
  pem: string;
  read: ReadCertificate;
}

/** A certificate that somebody signed, and what it has to be. */
export interface Candidate {
  signed: Foreign;
  spec: CertSpec;
  /** The authority that has to stand above it. */
  authority: { stored: StoredCertificate; read: ReadCertificate };
  /** Certificates that may stand between the two. */
  pool: readonly Foreign[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** What is right with it, wrong, or worth knowing; texts continue `FILE: NAME `. */
export interface Verdict {
  faults: string[];
  notes: string[];
  /** PEM texts between it and the authority, each having signed the one before. */
  between: string[];
}

const DAY = 86_400_000;

/** Everything about one signed certificate. */
export function verdictOn(candidate: Candidate): Verdict {
  const { signed, spec, now } = candidate;
  const { between, faults } = pathOf(candidate);
  return {
    faults: [
      ...subjectFaults(signed.read, spec),
      ...namesMissing(signed.read, spec),
      ...namesBeyond(candidate, false),
      ...(spec.isAuthority
        ? signingFaults(signed.read, { below: 0, usages: ['client'], now })
        : [...leafFaults(signed.read, spec), ...dateFaults(signed.read, now)]),
      ...faults,
    ],
    notes: [...namesBeyond(candidate, true), ...endNotes(candidate)],
    between: between.map(({ pem }) => pem),
  };
}

/** The text of its file in the store: a leaf with all that leads to the root that others know. */
export function storedText({ signed, spec, authority }: Candidate, { between }: Verdict): string {
  if (spec.isAuthority) return signed.pem;
  const { pem = '', above } = authority.stored;
  return [signed.pem, ...between, above === undefined ? '' : presentedBy(pem, above)].join('');
}

/** Up from the certificate to the authority of the store. */
function pathOf({ signed, authority, pool, now }: Candidate): { between: Foreign[]; faults: string[] } {
  const between: Foreign[] = [];
  for (let last = signed; !hasSigned(authority.read, last.read);) {
    const next = pool.find((one) => !between.includes(one) && one !== last && hasSigned(one.read, last.read));
    if (next === undefined) return { between, faults: [strangerFault(last, authority.stored)] };
    between.push(next);
    last = next;
  }
  const above = [...between.map(({ read }) => read), authority.read];
  const faults = [signed, ...between].flatMap(({ read }, index) => [
    ...(isWeaklySigned(read)
      ? [`${titleOf(read, index)}is signed with SHA-1 or older, which nobody verifies any more`]
      : []),
    ...(namesKey(read, above[index])
      ? []
      : [`${titleOf(read, index)}does not name the key that signed it (authority key identifier)`]),
    ...(index === 0
      ? []
      : signingFaults(read, { below: index - 1, usages: [], now }).map((what) => `${titleOf(read, index)}${what}`)),
  ]);
  return { between, faults };
}

const titleOf = ({ commonName }: ReadCertificate, index: number): string =>
  index === 0 ? '' : `${commonName}, above it, `;

const namesKey = ({ issuerKeyId }: ReadCertificate, signer: ReadCertificate | undefined): boolean =>
  signer !== undefined && issuerKeyId?.equals(signer.keyId) === true;

const strangerFault = ({ read }: Foreign, { name, commonName, keyId }: StoredCertificate): string =>
  `is signed by ${read.issuer}, and nothing leads from there to ${name} (${commonName}, key id ${keyId.slice(0, 8)}). Give the certificates between them too`;

/** The planner wants exactly these: another organization would be another group (REFERENCE 1.1). */
function subjectFaults({ commonName, organizations }: ReadCertificate, spec: CertSpec): string[] {
  const missing = spec.organizations.filter((one) => !organizations.includes(one));
  const extra = organizations.filter((one) => !spec.organizations.includes(one));
  return [
    ...(commonName === spec.commonName ? [] : [`has the common name ${commonName}, not ${spec.commonName}`]),
    ...(missing.length === 0 ? [] : [`lacks the organization ${missing.join(', ')}`]),
    ...(extra.length === 0
      ? []
      : [`has the organization ${extra.join(', ')}, which Kubernetes would take for a group`]),
  ];
}

function namesMissing({ dnsNames, ipAddresses }: ReadCertificate, spec: CertSpec): string[] {
  const missing = [
    ...spec.dnsNames.filter((name) => !dnsNames.includes(name)),
    ...spec.ipAddresses.filter((address) => !ipAddresses.includes(address)),
  ];
  return missing.length === 0 ? [] : [`lacks the subject alternative name ${missing.join(', ')}`];
}

/** Whoever signs outside may add names; where kbin has the key, it would issue another one without them. */
function namesBeyond({ signed: { read }, spec, authority }: Candidate, isAllowed: boolean): string[] {
  if (isAllowed !== (authority.stored.isKeyOutside === true)) return [];
  const extra = [
    ...read.dnsNames.filter((name) => !spec.dnsNames.includes(name)),
    ...read.ipAddresses.filter((address) => !spec.ipAddresses.includes(address)),
  ];
  return extra.length === 0 ? [] : [`is for ${extra.join(', ')} too, which was not asked for`];
}

function leafFaults({ x509, extensions }: ReadCertificate, { usages }: CertSpec): string[] {
  const [basic, keyUsage] = [extensions.get(EXTENSIONS.basicConstraints), extensions.get(EXTENSIONS.keyUsage)];
  if (basic !== undefined && readBasicConstraints(basic.value) !== undefined)
    return ['is an authority, and must not be one'];
  const known = usagesOf(x509);
  const missing = usages.filter((usage) => !known.includes(usage));
  const extra = known.filter((usage) => !usages.includes(usage));
  return [
    ...(missing.length === 0 ? [] : [`lacks the extended key usage ${missing.join(', ')}`]),
    ...(extra.length === 0 ? [] : [`has the extended key usage ${extra.join(', ')}, which was not asked for`]),
    ...(keyUsage === undefined || hasKeyUsage(keyUsage.value, 'digitalSignature')
      ? []
      : ['lacks the key usage digital signature']),
  ];
}

function endNotes({ signed: { read }, spec, authority }: Candidate): string[] {
  const [from, to] = [Date.parse(read.x509.validFrom), Date.parse(read.x509.validTo)];
  const days = Math.round((to - from) / DAY);
  const end = new Date(authority.stored.notAfter).toISOString().slice(0, 10);
  return [
    ...(Math.abs(to - from - spec.days * DAY) > DAY
      ? [`is valid for ${days} days; the inventory wants ${spec.days}`]
      : []),
    ...(to > authority.stored.notAfter
      ? [`outlives ${authority.stored.name}, which ends on ${end}: it is worth nothing from then on`]
      : []),
  ];
}
