import { type CertSpec, generationOf } from '../model/pki.ts';
import type { ProbeIdentity } from '../model/ports.ts';
import { Secret } from '../model/secret.ts';
import { retiredFolder, underWay } from './generations.ts';
import { issueCertificate } from './issue.ts';
import { newKeyPair, privatePem } from './keys.ts';
import type { Keyring } from './lock.ts';
import { readAuthority } from './stored.ts';

/** A client certificate for probes: the key exists in memory only, and nothing of it is written down. */
export async function probeIdentity(
  directory: string,
  { authority, generation, commonName }: ProbeIdentity,
  { now, keyring }: { now: number; keyring: Keyring },
): Promise<{ certificate: string; key: Secret }> {
  const issuer =
    generation === 'retired'
      ? await readAuthority(
          retiredFolder(directory, underWay(directory, authority)),
          generationOf(authority, 'old'),
          keyring,
        )
      : await readAuthority(directory, generationOf(authority, generation), keyring);
  const keys = await newKeyPair(PROBE.algorithm);
  const certificate = issueCertificate({ ...PROBE, commonName }, keys, { issuer, now });
  return { certificate, key: new Secret(privatePem(keys.privateKey)) };
}

/** It ends after a day: hosts whose clocks differ must take it. */
const PROBE: CertSpec = {
  name: 'probe',
  isAuthority: false,
  commonName: '',
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  usages: ['client'],
  days: 1,
  algorithm: 'ECDSA-P256',
};
