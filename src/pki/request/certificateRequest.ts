import type { AltNames } from '../altNames.ts';
import type { AuthorityConstraint } from '../extensions.ts';
import { type Attribute, ATTRIBUTES, type Name } from '../names.ts';
import { type Faults, shown } from './faults.ts';
import { type Fields, fieldsIn } from './fields.ts';
import { altNamesOf } from './hosts.ts';
import { isObjectIdentifier } from './objectIdentifier.ts';
import { pathLengthOf } from './pathLength.ts';

/** Which key pair is asked for: bits of RSA, or of the curve's field. */
export interface KeyChoice {
  algorithm: 'rsa' | 'ecdsa';
  size: number;
}

/** The `ca` section: what a new authority says of itself. Durations are milliseconds. */
export interface AuthorityChoice {
  expiry?: number;
  backdate?: number;
  constraint: AuthorityConstraint;
}

/** A request as cfssl reads it. */
export interface CertificateRequest {
  subject: Name;
  commonName: string;
  altNames: AltNames;
  key: KeyChoice;
  ca?: AuthorityChoice;
  /** Revocation list of a new authority. */
  crlUrl?: string;
  /** What was written without effect. */
  notes: string[];
}

/** What the command line says about a request. */
export interface RequestOptions {
  file: string;
  /** A new authority is asked for, which alone may have a `ca` section. */
  isAuthority: boolean;
  commonName?: string | undefined;
  /** In place of the request's own. */
  hosts?: readonly string[] | undefined;
}

/** The request in a JSON text. Everything wrong with it is told to `faults`; the result then stands for nothing. */
export function parseRequest(text: string, options: RequestOptions, faults: Faults): CertificateRequest {
  const fields = fieldsIn(text, options.file, faults);
  const notes: string[] = [];
  const commonName = options.commonName ?? fields.text('CN') ?? '';
  fields.ignore('CN', 'hosts');
  const subject = subjectIn(fields, commonName, notes);
  const altNames = altNamesIn(fields, options, faults);
  checkNamed(fields, subject, options);
  const crlUrl = fields.text('crl_url');
  if (crlUrl !== undefined && !options.isAuthority)
    fields.fault('crl_url', 'is for a new authority only. Write it into the signing profile.');
  const request = { subject, commonName, altNames, key: keyIn(fields), notes };
  const ca = authorityIn(fields, options);
  fields.refuse({ extensions: 'is not known to kbin', delegation_enabled: 'is not known to kbin' });
  fields.finish();
  return { ...request, ...(ca === undefined ? {} : { ca }), ...(crlUrl === undefined ? {} : { crlUrl }) };
}

/** Something says whose certificate it is: an authority's subject, and of others the common name or hosts. */
function checkNamed(fields: Fields, subject: Name, options: RequestOptions): void {
  const isWritten = (value: unknown): boolean => value !== undefined && value !== '';
  const hosts = options.hosts ?? fields.raw('hosts');
  const hasHosts = Array.isArray(hosts) && hosts.length > 0;
  const isNamed = isWritten(options.commonName ?? fields.raw('CN'));
  if (isNamed || (options.isAuthority ? subject.length > 0 : hasHosts) || !fields.isObject) return;
  fields.fault('CN', `is missing. Write whose certificate it is${options.isAuthority ? '' : ', or hosts'}.`);
}

function altNamesIn(fields: Fields, { hosts }: RequestOptions, faults: Faults): AltNames {
  if (hosts === undefined)
    return altNamesOf(fields.texts('hosts') ?? [], (index, what) => fields.fault(`hosts[${index}]`, what));
  const where = { file: '--hostname', path: '' };
  if (hosts.includes('')) faults.add(where, 'has an empty host. Write hosts with one comma between them.');
  return altNamesOf(hosts, (_, what) => faults.add(where, what));
}

/** Of several names the same attribute becomes one part with all values, in Go's order (pkix.Name.ToRDNSequence). */
const GATHERED = ['C', 'ST', 'L', 'O', 'OU'] as const;

function subjectIn(fields: Fields, commonName: string, notes: string[]): Name {
  const names = fields.children('names').map((name) => {
    const texts = Object.fromEntries(GATHERED.map((key) => [key, name.text(key)]));
    if (name.text('SerialNumber') !== undefined)
      notes.push(`${name.where.path}.SerialNumber has no effect, as in cfssl; serialnumber beside CN has`);
    const extra = extraAttributes(name);
    name.finish();
    return { texts, extra };
  });
  const gathered = GATHERED.map((key) =>
    names.flatMap(({ texts: { [key]: value } }) => (value === undefined ? [] : [{ type: ATTRIBUTES[key], value }])),
  );
  const serial = fields.text('serialnumber') ?? '';
  const single = [
    { type: ATTRIBUTES.CN, value: commonName },
    { type: ATTRIBUTES.serialNumber, value: serial },
  ].filter(({ value }) => value !== '');
  const extra = names.flatMap((name) => name.extra);
  return [...gathered.filter((part) => part.length > 0), ...[...single, ...extra].map((attribute) => [attribute])];
}

function extraAttributes(name: Fields): Attribute[] {
  const oids = name.child('OID');
  const free = (oids?.keys() ?? []).flatMap((type): Attribute[] => {
    const value = oids?.text(type);
    if (!isObjectIdentifier(type)) oids?.fault(type, 'is no object identifier. Write numbers with dots between them.');
    return value === undefined || !isObjectIdentifier(type) ? [] : [{ type, value }];
  });
  const mail = name.text('E');
  if (mail !== undefined && !/^[\x21-\x7e]+$/.test(mail))
    name.fault('E', `${shown(mail)} is no mail address in ASCII.`);
  return [...free, ...(mail === undefined ? [] : [{ type: ATTRIBUTES.E, value: mail }])];
}

const CURVE_SIZES = [256, 384, 521];
const RSA_SIZES = { least: 2048, most: 8192 };

/** ECDSA on P-256 where nothing is said (csr.NewKeyRequest). */
function keyIn(fields: Fields): KeyChoice {
  const key = fields.child('key');
  const algorithm = key?.text('algo') ?? 'ecdsa';
  const size = key?.raw('size') ?? (algorithm === 'rsa' ? undefined : 256);
  const isWhole = typeof size === 'number' && Number.isInteger(size);
  if (algorithm === 'rsa') {
    const range = `Write ${RSA_SIZES.least} to ${RSA_SIZES.most}.`;
    if (size === undefined) key?.fault('size', `is missing. ${range}`);
    else if (!isWhole) key?.fault('size', `${shown(size)} is not a whole number. ${range}`);
    else if (size < RSA_SIZES.least) key?.fault('size', `${size} is too small for RSA. ${range}`);
    else if (size > RSA_SIZES.most) key?.fault('size', `${size} is too large for RSA. ${range}`);
  } else if (algorithm === 'ecdsa') {
    if (!isWhole || !CURVE_SIZES.includes(size))
      key?.fault('size', `${shown(size)} is no curve of ECDSA. Write ${CURVE_SIZES.join(', ')}.`);
  } else key?.fault('algo', `${shown(algorithm)} is no algorithm that is known here. Write rsa or ecdsa.`);
  key?.finish();
  return { algorithm: algorithm === 'rsa' ? 'rsa' : 'ecdsa', size: isWhole ? size : 0 };
}

function authorityIn(fields: Fields, { isAuthority }: RequestOptions): AuthorityChoice | undefined {
  const ca = fields.child('ca');
  if (ca === undefined) return undefined;
  if (!isAuthority)
    fields.fault('ca', 'is for a new authority (--initca) only. An authority below another is what its profile says.');
  const expiry = ca.duration('expiry');
  const backdate = ca.duration('backdate');
  const constraint = pathLengthOf(ca, 'pathlen', 'pathlenzero');
  ca.finish();
  return {
    constraint,
    ...(expiry === undefined ? {} : { expiry }),
    ...(backdate === undefined ? {} : { backdate }),
  };
}
