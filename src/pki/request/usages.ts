import type { KeyUsageBit } from '../extensions.ts';

/** Usages of a signing profile that are bits of the key usage extension; cfssl's names (config.KeyUsage). */
const KEY_USAGES = new Map<string, KeyUsageBit>(
  Object.entries({
    signing: 'digitalSignature',
    'digital signature': 'digitalSignature',
    'content commitment': 'contentCommitment',
    // As cfssl spelt it until 1.2.
    'content committment': 'contentCommitment',
    'key encipherment': 'keyEncipherment',
    'key agreement': 'keyAgreement',
    'data encipherment': 'dataEncipherment',
    'cert sign': 'keyCertSign',
    'crl sign': 'cRLSign',
    'encipher only': 'encipherOnly',
    'decipher only': 'decipherOnly',
  }),
);

/** Usages that are extended key usages (config.ExtKeyUsage), with the identifiers of Go's crypto/x509. */
const EXTENDED_KEY_USAGES = new Map<string, string>(
  Object.entries({
    any: '2.5.29.37.0',
    'server auth': '1.3.6.1.5.5.7.3.1',
    'client auth': '1.3.6.1.5.5.7.3.2',
    'code signing': '1.3.6.1.5.5.7.3.3',
    'email protection': '1.3.6.1.5.5.7.3.4',
    's/mime': '1.3.6.1.5.5.7.3.4',
    'ipsec end system': '1.3.6.1.5.5.7.3.5',
    'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
    'ipsec user': '1.3.6.1.5.5.7.3.7',
    timestamping: '1.3.6.1.5.5.7.3.8',
    'ocsp signing': '1.3.6.1.5.5.7.3.9',
    'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
    'netscape sgc': '2.16.840.1.113730.4.1',
  }),
);

export const USAGE_NAMES = [...KEY_USAGES.keys(), ...EXTENDED_KEY_USAGES.keys()].filter(
  (name) => name !== 'content committment',
);

export interface Usages {
  keyUsages: KeyUsageBit[];
  /** Dotted identifiers. */
  extendedKeyUsages: string[];
}

/** What a profile's usages mean; names that mean nothing are told to `unknown`. */
export function usagesOf(names: readonly string[], unknown: (index: number, name: string) => void): Usages {
  const keyUsages = new Set<KeyUsageBit>();
  const extendedKeyUsages = new Set<string>();
  for (const [index, name] of names.entries()) {
    const bit = KEY_USAGES.get(name);
    const oid = EXTENDED_KEY_USAGES.get(name);
    if (bit !== undefined) keyUsages.add(bit);
    else if (oid !== undefined) extendedKeyUsages.add(oid);
    else if (name !== '') unknown(index, name);
  }
  return { keyUsages: [...keyUsages], extendedKeyUsages: [...extendedKeyUsages] };
}
