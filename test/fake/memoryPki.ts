import { KbinError } from '../../src/errors.ts';
import { sha256 } from '../../src/model/digest.ts';
import { ENCRYPTION, type Encryption, type StoredEncryption } from '../../src/model/encryption.ts';
import {
  generationOf,
  trustedOf,
  type CertificateName,
  type CertSpec,
  type Generation,
  type KeyPairSpec,
  type Rotation,
  type RotationStage,
  type SecretRef,
  type StoredCertificate,
} from '../../src/model/pki.ts';
import type { NextGeneration, Pki, ProbeIdentity } from '../../src/model/ports.ts';
import { Secret } from '../../src/model/secret.ts';
import { bareText } from '../../src/pki/certificate.ts';
import { encryptionDocument, newEncryption, shownEncryption, type EncryptionKey } from '../../src/pki/encryption.ts';
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
  readonly rotations = new Map<CertificateName, Rotation>();
  clusterId: string | null = null;
  readonly encryption = new Map<Generation, EncryptionKey>();
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

  encryptionKey(wanted: Encryption, now: number): EncryptionKey {
    this.#serial += 1;
    const taken = [...this.encryption.values()].map(({ key }) => key);
    const own = newEncryption(wanted, { now, taken, random: Buffer.alloc(32) });
    return own.secret === undefined ? own : { ...own, secret: new Secret(`${POISON}-${this.#serial}`) };
  }

  /** What the generations say, as the text that hosts get; its first line says what it is. */
  encryptionMoved(): void {
    const generations = (['current', 'next', 'old'] as const).flatMap((name) => this.encryption.get(name) ?? []);
    this.#serial += 1;
    const keyPem = `${ENCRYPTION} ${this.#serial}\n${encryptionDocument(generations).reveal()}`;
    this.kept.set(ENCRYPTION, { stored: bareText(ENCRYPTION, keyPem), publicPem: '', keyPem });
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

  keyPair({ name, algorithm }: KeyPairSpec, generation: Generation = 'current'): Kept {
    const own = generationOf(name, generation);
    const { publicPem, keyPem } = this.newest(own, 'PUBLIC KEY');
    const keyId = sha256(keyPem).slice(0, 40);
    const nothing = { serial: '', commonName: '', organizations: [], dnsNames: [], ipAddresses: [], usages: [] };
    const stored: StoredCertificate = {
      ...{ name: own, algorithm, ...nothing, pem: publicPem },
      ...{ isAuthority: false, notBefore: 0, notAfter: 253402300799000, keyId, issuerKeyId: keyId },
      certSha256: sha256(publicPem),
      keySha256: sha256(keyPem),
      spkiSha256: sha256(`spki ${keyPem}`),
    };
    return { stored, publicPem, keyPem };
  }
}

/** The store as the engine sees it: the same promises as src/pki/store.ts, with pieces at which kbin can die. */
export class MemoryPki implements Pki {
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
      const kept = certificates.keyPair({ name, algorithm });
      yield 'made';
      certificates.kept.set(name, kept);
      yield 'in the store';
      return kept.stored;
    };
    return this.#perform({ verb: 'issue-key', name, input: name }, { script });
  }

  async encryption(): Promise<StoredEncryption | null> {
    const { encryption } = this.#certificates;
    if (!encryption.has('current')) return null;
    const shown = [...encryption].map(([name, own]) => [name, shownEncryption(own)] as const);
    return Object.fromEntries(shown) as StoredEncryption;
  }

  async issueEncryption(wanted: Encryption, now: number): Promise<void> {
    const certificates = this.#certificates;
    const script = function* (): Script<void> {
      if (certificates.encryption.has('current')) throw new KbinError('PKI', 'encryption.json is never replaced');
      const made = certificates.encryptionKey(wanted, now);
      yield 'made';
      certificates.encryption.set('current', made);
      certificates.encryptionMoved();
      yield 'in the store';
    };
    return this.#perform({ verb: 'issue-key', name: ENCRYPTION, input: wanted }, { script });
  }

  async read({ certificate, part }: SecretRef): Promise<Secret> {
    const kept = this.#certificates.kept.get(certificate);
    if (kept === undefined) throw new KbinError('PKI', `${certificate} is missing`);
    if (part === 'trusted' || part === 'roots') {
      const all = Object.fromEntries([...this.#certificates.kept].map(([name, { stored }]) => [name, stored]));
      return new Secret(
        trustedOf(certificate, all)
          .map(({ pem: text }) => text)
          .join(''),
      );
    }
    return new Secret(part === 'key' ? kept.keyPem : kept.publicPem);
  }

  async clusterId(): Promise<string | null> {
    return this.#certificates.clusterId ?? clusterIdOf(this.#certificates.kept.get('ca'));
  }

  async rotations(): Promise<Rotation[]> {
    return [...this.#certificates.rotations.values()];
  }

  async begin({ name, authorities, keyPairs, encryption }: NextGeneration, now: number): Promise<Rotation> {
    const certificates = this.#certificates;
    const certified = [...authorities, ...keyPairs].map((member) => member.name);
    const members = [...certified, ...(encryption === undefined ? [] : [ENCRYPTION])];
    const rotation: Rotation = { name, members, stage: 'trust', startedAt: now };
    const script = function* (): Script<Rotation> {
      const isReplaced = encryption !== undefined && certificates.rotations.get(name)?.stage === 'trust';
      if (certificates.rotations.has(name) && !isReplaced) {
        throw new KbinError('PKI', `${name} is being rotated already`);
      }
      const made = new Map<CertificateName, Kept>();
      for (const spec of authorities) {
        const ca = spec.ca === undefined ? undefined : generationOf(spec.ca, 'next');
        const next = { ...spec, name: generationOf(spec.name, 'next'), ...(ca === undefined ? {} : { ca }) };
        made.set(next.name, certificates.issued(next, now, made.get(ca ?? '')?.stored));
        yield `${next.name} is made`;
      }
      for (const pair of keyPairs) made.set(generationOf(pair.name, 'next'), certificates.keyPair(pair, 'next'));
      if (encryption !== undefined) {
        certificates.encryption.set('next', certificates.encryptionKey(encryption, now));
        certificates.encryptionMoved();
      }
      certificates.clusterId ??= clusterIdOf(certificates.kept.get('ca'));
      for (const [own, kept] of made) certificates.kept.set(own, kept);
      certificates.rotations.set(name, rotation);
      yield 'the rotation has begun';
      return rotation;
    };
    return this.#perform({ verb: 'rotate', name: `${name} trust`, input: name }, { script });
  }

  async promote(name: CertificateName): Promise<Rotation> {
    return this.#move(name, 'sign', (member) => {
      const { kept, encryption } = this.#certificates;
      if (member === ENCRYPTION) {
        encryption.set('old', encryption.get('current')!);
        encryption.set('current', encryption.get('next')!);
        encryption.delete('next');
        return this.#certificates.encryptionMoved();
      }
      kept.set(generationOf(member, 'old'), renamed(kept.get(member)!, generationOf(member, 'old')));
      kept.set(member, renamed(kept.get(generationOf(member, 'next'))!, member));
      kept.delete(generationOf(member, 'next'));
    });
  }

  async distrust(name: CertificateName): Promise<Rotation> {
    return this.#move(name, 'untrust', (member) => {
      const { kept, encryption } = this.#certificates;
      if (member !== ENCRYPTION) return kept.delete(generationOf(member, 'old'));
      encryption.delete('old');
      return this.#certificates.encryptionMoved();
    });
  }

  async #move(name: CertificateName, stage: RotationStage, change: (member: string) => unknown): Promise<Rotation> {
    const { rotations } = this.#certificates;
    const script = function* (): Script<Rotation> {
      const rotation = rotations.get(name);
      if (rotation === undefined) throw new KbinError('PKI', `${name} is not being rotated`);
      yield 'read';
      if (rotation.stage === stage) return rotation;
      const moved = { ...rotation, stage };
      moved.members.forEach(change);
      rotations.set(name, moved);
      yield `${name} is at ${stage}`;
      return moved;
    };
    return this.#perform({ verb: 'rotate', name: `${name} ${stage}`, input: name }, { script });
  }

  async end(name: CertificateName): Promise<void> {
    this.#certificates.rotations.delete(name);
  }

  async probeIdentity({ authority, generation }: ProbeIdentity): Promise<{ certificate: string; key: Secret }> {
    return { certificate: `${authority} ${generation}`, key: new Secret(POISON) };
  }
}

const clusterIdOf = (ca: Kept | undefined): string | null => ca?.stored.spkiSha256.slice(0, 16) ?? null;
const renamed = ({ stored, ...texts }: Kept, name: CertificateName): Kept => ({
  ...texts,
  stored: { ...stored, name },
});
