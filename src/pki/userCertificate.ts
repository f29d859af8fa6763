import { KbinError } from '../errors.ts';
import type { CertSpec, KeyAlgorithm } from '../model/pki.ts';
import { readCertificate } from './certificate.ts';
import { issueCertificate, type Issuer } from './issue.ts';
import type { KeyPair } from './keys.ts';

/** A person or program that is to be a client of the API. */
export interface UserRequest {
  /** Becomes the common name: the user's name for Kubernetes. */
  name: string;
  /** Become the organizations: the user's groups. */
  groups: readonly string[];
  lifetimeMilliseconds: number;
  algorithm: KeyAlgorithm;
}

/** What is remembered of a client certificate that was handed out; never its key. Times are ISO 8601 in UTC. */
export interface IssuedUser {
  name: string;
  groups: string[];
  /** Upper-case hex, as `openssl x509 -serial` prints it. */
  serial: string;
  /** sha256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it. */
  fingerprint: string;
  /** Key id of the authority that signed it, hex. */
  authorityKeyId: string;
  issuedAt: string;
  expires: string;
}

/** RFC 5280, appendix A.1: ub-common-name and ub-organization-name. */
const LONGEST = 64;
const DAY = 86_400_000;

/**
 * Throws USAGE for a name or group that a certificate cannot hold, REFUSED for a name of Kubernetes' own and, unless
 * they are allowed, for the group system:masters. Source: REFERENCE 1.1.
 */
export function checkUser(
  { name, groups }: Pick<UserRequest, 'name' | 'groups'>,
  { allowMasters }: { allowMasters: boolean },
): void {
  checkWritable(name, 'the name');
  for (const group of groups) checkWritable(group, 'a group');
  if (name.startsWith('system:')) {
    throw new KbinError('REFUSED', `"${name}" is a name of Kubernetes itself, as all with system: before them`, {
      hint: 'Choose another name, and bind it or its groups to the roles that it needs.',
    });
  }
  if (groups.includes('system:masters') && !allowMasters) {
    throw new KbinError(
      'REFUSED',
      'the group system:masters bypasses RBAC, and only a rotation of the CA takes it back',
      {
        hint: 'Bind a group of your own to the role cluster-admin, or add --allow-masters.',
      },
    );
  }
}

function checkWritable(text: string, what: string): void {
  const fault = faultOf(text);
  if (fault === undefined) return;
  throw new KbinError('USAGE', `${what} of a user ${fault}`, {
    hint: 'Write letters, digits and signs, such as alice, ci-deployer or team:web.',
  });
}

function faultOf(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (Array.from(text).length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (/\p{C}/u.test(text)) return 'has a character that cannot be seen';
  return text.trim() === text ? undefined : 'starts or ends with a blank';
}

const specOf = ({ name, groups, lifetimeMilliseconds, algorithm }: UserRequest): CertSpec => ({
  name: `client certificate of ${name}`,
  ca: 'ca',
  isAuthority: false,
  commonName: name,
  organizations: [...new Set(groups)],
  dnsNames: [],
  ipAddresses: [],
  usages: ['client'],
  days: lifetimeMilliseconds / DAY,
  algorithm,
});

/**
 * A client certificate for this key pair as PEM, and what to remember of it. It ends with its authority at the latest.
 * Throws PKI when the authority is not valid at `now`.
 */
export function issueUserCertificate(
  request: UserRequest,
  keys: KeyPair,
  { issuer, now }: { issuer: Issuer; now: number },
): { pem: string; issued: IssuedUser } {
  const pem = issueCertificate(specOf(request), keys, { issuer, now });
  const { x509, organizations, commonName } = readCertificate(pem);
  const issued: IssuedUser = {
    name: commonName,
    groups: organizations,
    serial: x509.serialNumber,
    fingerprint: x509.fingerprint256,
    authorityKeyId: issuer.keyId.toString('hex'),
    issuedAt: new Date(now).toISOString(),
    expires: new Date(x509.validTo).toISOString(),
  };
  return { pem, issued };
}
