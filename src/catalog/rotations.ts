import { ENCRYPTION } from '../model/encryption.ts';
import type { ProbeName } from '../model/phase.ts';
import type { CertificateName, RotationStage } from '../model/pki.ts';

/** What can be rotated: an authority, the key that signs ServiceAccount tokens, or the one that encrypts stored objects. */
export interface RotationRow {
  /** As the operator calls it. */
  title: string;
  /** What must hold after the deploy of each stage, before the next. */
  gates: Readonly<Record<RotationStage, readonly ProbeName[]>>;
  /** How long these may take: pods see a change of a ConfigMap or a new token within minutes. */
  withinSeconds: number;
  /** Stages after whose gates clients need some more time, and why: what they hold in memory nobody can see. */
  settles?: Partial<Record<RotationStage, { seconds: number; why: string }>>;
  /** What the operator calls its stages, where these words do not fit. */
  words?: Readonly<Record<RotationStage, string>>;
}

/** By the row of certs/catalog.yml. REFERENCE 1.4 and 1.5. */
export const ROTATIONS: Readonly<Record<CertificateName, RotationRow>> = {
  ca: {
    title: 'the Kubernetes CA',
    gates: {
      trust: ['authority-trusted', 'root-ca', 'rollouts'],
      sign: [],
      untrust: ['authority-distrusted', 'published-authorities', 'root-ca'],
    },
    withinSeconds: 600,
  },
  'etcd-ca': {
    title: 'the etcd CA',
    gates: { trust: ['authority-trusted'], sign: [], untrust: ['authority-distrusted'] },
    withinSeconds: 120,
  },
  'front-proxy-ca': {
    title: 'the front-proxy CA',
    gates: { trust: ['authority-trusted'], sign: [], untrust: ['authority-distrusted', 'published-authorities'] },
    withinSeconds: 120,
  },
  sa: {
    title: 'the ServiceAccount signing key',
    gates: { trust: [], sign: ['tokens'], untrust: [] },
    // A token of an hour is renewed after 48 minutes at the latest.
    withinSeconds: 4200,
    // client-go keeps the content of a token's file for a minute (transport/token_source.go).
    settles: { sign: { seconds: 65, why: 'pods read their token again once a minute' } },
  },
  [ENCRYPTION]: {
    title: 'the encryption of stored objects',
    // The gate of sign is also where every object is written again.
    gates: { trust: [], sign: ['encrypted'], untrust: [] },
    withinSeconds: 60,
    words: { trust: 'add', sign: 'write', untrust: 'drop' },
  },
};

/** A stage as the operator calls it. */
export const stageWord = (name: CertificateName, stage: RotationStage): string =>
  ROTATIONS[name]?.words?.[stage] ?? stage;

export const STAGES: readonly RotationStage[] = ['trust', 'sign', 'untrust'];
