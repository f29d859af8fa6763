import { KbinError } from '../../src/errors.ts';
import { sha256 } from '../../src/model/digest.ts';
import type { CertificateName, CertSpec, KeyPairSpec, SecretRef, StoredCertificate } from '../../src/model/pki.ts';
import type { PkiStore } from '../../src/model/ports.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Script } from './hostScripts.ts';
import type { Perform } from './memoryHost.ts';

/** Stands in every private key and password: it may be nowhere but in the store and on the hosts. */
export const POISON = 'POISON-7f3a';
const DAY = 86_400_000;

interface Kept {
  stored: StoredCertificate;
  publicPem: string;
  keyPem: string;
}

const pem = (label: string, text: string): string => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;

/** What a certificate store holds: pretend certificates that say what they are made from. */
export class PretendCertificates {
  readonly kept = new Map<CertificateName, Kept>();
  /** A file of it cannot be read. */
  isDamaged = false;
  #serial = 0;

  newest(name: CertificateName, label: string): Pick<Kept, 'publicPem' | 'keyPem'> & { serial: string } {
    this.#serial += 1;
    const serial = String(this.#serial);
    const identity = `${name} ${serial}`;
    return {
      serial,
      publicPem: pem(label, identity),
      keyPem: pem('PRIVATE KEY', `${identity} ${POISON}`),
    };
  }

  issued(spec: CertSpec, now: number, authority: StoredCertificate | undefined): Kept {
    if (spec.ca !== undefined && authority === undefined) throw new KbinError('PKI', `${spec.ca} is missing`);
    const { serial, publicPem, keyPem } = this.newest(spec.name, 'CERTIFICATE');
    const keyId = sha256(keyPem).slice(0, 40);
    const { name, commonName, organizations, dnsNames, ipAddresses, usages, isAuthority, algorithm, days } = spec;
    const names = { commonName, organizations, dnsNames, ipAddresses, usages };
    const stored: StoredCertificate = {
      ...{ name, ...names, isAuthority, algorithm, serial, keyId },
      certSha256: sha256(publicPem),
      keySha256: sha256(keyPem),
      spkiSha256: sha256(`spki ${keyPem}`),
      ...(isAuthority ? { pem: publicPem } : {}),
      notBefore: now,
      notAfter: Math.min(now + days * DAY, authority?.notAfter ?? Infinity),
      issuerKeyId: authority?.keyId ?? keyId,
    };
    return { stored, publicPem, keyPem };
  }
}

/** The store as the engine sees it: the same promises as src/pki/store.ts, with pieces at which kbin can die. */
export class MemoryPki implements PkiStore {
  readonly #certificates: PretendCertificates;
  readonly #perform: Perform;

  constructor(certificates: PretendCertificates, perform: Perform) {
    this.#certificates = certificates;
    this.#perform = perform;
  }

  async list(): Promise<Record<CertificateName, StoredCertificate>> {
    if (this.#certificates.isDamaged) throw new KbinError('PKI', 'ca.key does not belong to ca.crt');
    return Object.fromEntries([...this.#certificates.kept].map(([name, { stored }]) => [name, stored]));
  }

  async issue(spec: CertSpec, now: number): Promise<StoredCertificate> {
    return (await this.issueAll([spec], now))[0]!;
  }

  /** All or none: the last piece is the rename that makes them count. */
  async issueAll(specs: CertSpec[], now: number): Promise<StoredCertificate[]> {
    const certificates = this.#certificates;
    const script = function* (): Script<StoredCertificate[]> {
      const made = new Map<CertificateName, Kept>();
      for (const spec of specs) {
        const isThere = certificates.kept.has(spec.name);
        if (spec.isAuthority && isThere)
          throw new KbinError('PKI', `${spec.name} exists already and is never replaced`);
        const authority = made.get(spec.ca ?? '')?.stored ?? certificates.kept.get(spec.ca ?? '')?.stored;
        made.set(spec.name, certificates.issued(spec, now, authority));
        yield `${spec.name} is made`;
      }
      for (const [name, kept] of made) certificates.kept.set(name, kept);
      yield 'all are in the store';
      return [...made.values()].map(({ stored }) => stored);
    };
    return this.#perform({ verb: 'issue', name: `${specs.length} certificates`, input: specs }, { script });
  }

  async issueKeyPair({ name, algorithm }: KeyPairSpec): Promise<StoredCertificate> {
    const certificates = this.#certificates;
    const script = function* (): Script<StoredCertificate> {
      if (certificates.kept.has(name)) throw new KbinError('PKI', `${name} exists already and is never replaced`);
      const texts = certificates.newest(name, 'PUBLIC KEY');
      yield 'made';
      const keyId = sha256(texts.keyPem).slice(0, 40);
      const stored: StoredCertificate = {
        ...{
          name,
          algorithm,
          serial: '',
          commonName: '',
          organizations: [],
          dnsNames: [],
          ipAddresses: [],
          usages: [],
        },
        ...{ isAuthority: false, notBefore: 0, notAfter: 253402300799000, keyId, issuerKeyId: keyId },
        certSha256: sha256(texts.publicPem),
        keySha256: sha256(texts.keyPem),
        spkiSha256: sha256(`spki ${texts.keyPem}`),
      };
      certificates.kept.set(name, { stored, publicPem: texts.publicPem, keyPem: texts.keyPem });
      yield 'in the store';
      return stored;
    };
    return this.#perform({ verb: 'issue-key', name, input: name }, { script });
  }

  async read({ certificate, part }: SecretRef): Promise<Secret> {
    const kept = this.#certificates.kept.get(certificate);
    if (kept === undefined) throw new KbinError('PKI', `${certificate} is missing`);
    return new Secret(part === 'key' ? kept.keyPem : kept.publicPem);
  }

  async clusterId(): Promise<string | null> {
    const ca = this.#certificates.kept.get('ca');
    return ca === undefined ? null : ca.stored.spkiSha256.slice(0, 16);
  }
}
