import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Pair, ResourceId } from '../model/resource.ts';
import type { Context } from './context.ts';
import { fileId, pair } from './resources.ts';

/** Files that several programs of a host share. */
export const PKI = {
  ca: join(PLACES.pki, 'ca.crt'),
  /**
   * The same up to the root, for those who verify the API servers and take nothing else for an anchor: OpenSSL in pods and
   * in haproxy. Never for clients: with an authority of the organization as the root, all its certificates would be some.
   */
  rootCa: join(PLACES.pki, 'root-ca.crt'),
  /** The Kubernetes CA and the signer of renewed kubelet certificates: whoever either of them signed is a client. */
  clientCa: join(PLACES.pki, 'client-ca.crt'),
  /** Where kubelets ask for what they serve with: whoever signs that, beside the Kubernetes CA. */
  kubeletCa: join(PLACES.pki, 'kubelet-ca.crt'),
  frontProxyCa: join(PLACES.pki, 'front-proxy-ca.crt'),
  etcdCa: join(PLACES.pki, 'etcd-ca.crt'),
  serviceAccountKey: join(PLACES.pki, 'sa.key'),
  serviceAccountPublicKey: join(PLACES.pki, 'sa.pub'),
} as const;

/**
 * What a Kubernetes client restarts on. Since 1.36 it reads its CA file again, but within minutes and without telling:
 * only a restart proves what it trusts before the next stage of a rotation (decision 0007).
 */
export const clientInputs = (client: Pair): ResourceId[] => [fileId(PKI.ca), client.id];

/** The pair of a row of certs/catalog.yml at `pki/<row>`; each host has its own unless `shared`. */
export const hostPair = ({ host }: Context, phase: PhaseName, row: string): Pair =>
  pair(phase, join(PLACES.pki, row), `${row}@${host.name}`);

export const sharedPair = (phase: PhaseName, certificate: string): Pair =>
  pair(phase, join(PLACES.pki, certificate), certificate);

export const certificateOf = ({ path }: Pick<Pair, 'path'>): string => join(path, 'tls.crt');
export const keyOf = ({ path }: Pick<Pair, 'path'>): string => join(path, 'tls.key');

/** Flags of a Kubernetes server that presents this pair. */
export const servingFlags = ({ inventory: { tls } }: Context, serving: Pair): Record<string, string> => ({
  'tls-cert-file': certificateOf(serving),
  'tls-private-key-file': keyOf(serving),
  'tls-min-version': tls.minVersion,
  ...(tls.cipherSuites.length === 0 ? {} : { 'tls-cipher-suites': tls.cipherSuites.join(',') }),
});

/** Flags that let a Kubernetes server accept requests that an apiserver passes on for a user. */
export const FRONT_PROXY_FLAGS: Readonly<Record<string, string>> = {
  'requestheader-client-ca-file': PKI.frontProxyCa,
  'requestheader-allowed-names': 'front-proxy-client',
};
