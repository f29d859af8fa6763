import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Pair, ResourceId } from '../model/resource.ts';
import type { Context } from './context.ts';
import { fileId, pair } from './resources.ts';
import { isAtLeast } from './versions.ts';

/** Files that several programs of a host share. */
export const PKI = {
  ca: join(PLACES.pki, 'ca.crt'),
  /** The Kubernetes CA and the signer of renewed kubelet certificates: whoever either of them signed is a client. */
  clientCa: join(PLACES.pki, 'client-ca.crt'),
  frontProxyCa: join(PLACES.pki, 'front-proxy-ca.crt'),
  etcdCa: join(PLACES.pki, 'etcd-ca.crt'),
  serviceAccountKey: join(PLACES.pki, 'sa.key'),
  serviceAccountPublicKey: join(PLACES.pki, 'sa.pub'),
} as const;

/** What a Kubernetes client must restart on: since 1.36 it reads its CA file again (gate ClientsAllowCARotation). */
export const caReadOnce = ({ inventory }: Context): ResourceId[] =>
  isAtLeast(inventory.versions.kubernetes, '1.36') ? [] : [fileId(PKI.ca)];

/** The pair of a row of certs/catalog.yml at `pki/<row>`; each host has its own unless `shared`. */
export const hostPair = ({ host }: Context, phase: PhaseName, row: string): Pair =>
  pair(phase, join(PLACES.pki, row), `${row}@${host.name}`);

export const sharedPair = (phase: PhaseName, certificate: string): Pair =>
  pair(phase, join(PLACES.pki, certificate), certificate);

export const certificateOf = ({ path }: Pair): string => join(path, 'tls.crt');
export const keyOf = ({ path }: Pair): string => join(path, 'tls.key');

/**
 * TLS 1.2 suites with forward secrecy and authenticated encryption, for ECDSA and RSA keys (CIS; TLS 1.3 has no others).
 */
export const CIPHER_SUITES: readonly string[] = ['ECDSA', 'RSA'].flatMap((key) =>
  ['AES_128_GCM_SHA256', 'AES_256_GCM_SHA384', 'CHACHA20_POLY1305_SHA256'].map(
    (cipher) => `TLS_ECDHE_${key}_WITH_${cipher}`,
  ),
);

/** Flags of a Kubernetes server that presents this pair. */
export const servingFlags = (serving: Pair): Record<string, string> => ({
  'tls-cert-file': certificateOf(serving),
  'tls-private-key-file': keyOf(serving),
  'tls-min-version': 'VersionTLS12',
  'tls-cipher-suites': CIPHER_SUITES.join(','),
});

/** Flags that let a Kubernetes server accept requests that an apiserver passes on for a user. */
export const FRONT_PROXY_FLAGS: Readonly<Record<string, string>> = {
  'requestheader-client-ca-file': PKI.frontProxyCa,
  'requestheader-allowed-names': 'front-proxy-client',
};
