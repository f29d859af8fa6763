import { isIP } from 'node:net';
import { servingNames } from '../catalog/servingNames.ts';
import { type Inventory, isNode } from '../model/inventory.ts';
import { canonicalAddress } from './address.ts';
import { type ReadRequest, readRequest } from './csr.ts';

/** A CertificateSigningRequest, as far as an approval looks at it. */
export interface AskedCertificate {
  signer: string;
  /** Whoever made the request, as kube-apiserver knew them. */
  user: string;
  groups: readonly string[];
  usages: readonly string[];
  /** PKCS#10 as PEM. */
  request: string;
}

/** The one signer whose requests nobody else approves. Source: kubernetes.io, "Certificate Signing Requests". */
export const SERVING_SIGNER = 'kubernetes.io/kubelet-serving';
const USER = 'system:node:';
const GROUP = 'system:nodes';
/** What a kubelet asks for: with an RSA key also to encipher keys. */
const USAGES: readonly string[] = ['digital signature', 'server auth'];
const RSA_USAGE = 'key encipherment';

/** Host of the user of a kubelet; undefined for everybody else. */
export const hostOfUser = (user: string): string | undefined =>
  user.startsWith(USER) ? user.slice(USER.length) : undefined;

/** Names, then addresses of a request; none of what is no request. */
export function namesAskedFor({ request }: Pick<AskedCertificate, 'request'>): string[] {
  try {
    const { sans } = readRequest(request);
    return [...sans.dns, ...sans.ip];
  } catch {
    return [];
  }
}

/**
 * Why a request of a kubelet for what it serves with is not approved, in words that follow the request's name; undefined
 * when it may be. The signer in the controller-manager checks less: not who asks for which names (REFERENCE 1.1).
 */
export function servingRefusal(asked: AskedCertificate, inventory: Pick<Inventory, 'hosts'>): string | undefined {
  if (asked.signer !== SERVING_SIGNER) return `is for the signer ${asked.signer}`;
  const who = hostOfUser(asked.user);
  if (who === undefined || !asked.groups.includes(GROUP)) return `was made by ${asked.user}, which is no kubelet`;
  const host = inventory.hosts.find(({ name }) => name === who);
  if (host === undefined) return `was made by ${asked.user}, which is no host of the inventory`;
  if (!isNode(host)) return `was made by ${asked.user}, which is no node by its roles`;
  const usages = usagesFault(asked.usages);
  if (usages !== undefined) return usages;
  try {
    return contentFault(readRequest(asked.request), asked.user, servingNames(inventory, host).allowed);
  } catch (error) {
    return `cannot be read: it ${(error as Error).message}`;
  }
}

function usagesFault(usages: readonly string[]): string | undefined {
  const others = usages.filter((usage) => !USAGES.includes(usage) && usage !== RSA_USAGE);
  if (others.length > 0) return `asks for the usage ${others.join(', ')}`;
  const missing = USAGES.filter((usage) => !usages.includes(usage));
  return missing.length === 0 ? undefined : `does not ask for the usage ${missing.join(', ')}`;
}

function contentFault(request: ReadRequest, user: string, allowed: readonly string[]): string | undefined {
  const { organizations, commonName, subject } = request;
  const isSubject = commonName === user && organizations[0] === GROUP && subject.flat().length === 2;
  if (!isSubject) return `has another subject than O=${GROUP}, CN=${user}`;
  const { dns, ip, email, uri } = request.sans;
  const known = allowed.map((name) => (isIP(name) === 0 ? name : canonicalAddress(name)));
  const foreign = [...[...dns, ...ip].filter((name) => !known.includes(name)), ...email, ...uri];
  if (foreign.length > 0) return `asks for ${foreign.join(', ')}, which the inventory does not give the host`;
  if (dns.length + ip.length === 0) return 'asks for no name and no address';
  return request.isPlain ? undefined : 'holds more than a subject, a key and names, or is written in another way';
}
