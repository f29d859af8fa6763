import type { CertificateName, StoredCertificate } from '../model/pki.ts';
import { describeCertificate, type PairTexts, type ReadCertificate, readCertificate } from './certificate.ts';

/** A certificate's file: itself, and those that lead to its authority. */
export interface Chain {
  own: ReadCertificate;
  /** Each has signed the one before it. */
  following: ReadCertificate[];
}

const BLOCK = /-----BEGIN CERTIFICATE-----\n[^-]*\n-----END CERTIFICATE-----\n/g;

/** The certificates of a text of the store, each as PEM. A text with anything else in it comes back whole. */
export function certificatesIn(text: string): string[] {
  const blocks = text.match(BLOCK) ?? [];
  return blocks.join('') === text ? blocks : [text];
}

/** The certificate of a pair's text, without those that follow it. */
export const leafOf = (text: string): string => certificatesIn(text)[0] ?? text;

/** Throws an Error unless the text is one certificate, or a leaf with those that lead to its authority in their order. */
export function readChain(text: string): Chain {
  const blocks = certificatesIn(text);
  if ((text.match(/-----BEGIN /g) ?? []).length > blocks.length)
    throw new Error('holds more than one PEM block, and something beside them');
  const [first = text, ...others] = blocks;
  const own = readCertificate(first);
  // Whoever reads an authority's file takes one certificate (REFERENCE 1.2: cluster-signing).
  if (own.x509.ca && others.length > 0) throw new Error('holds more than one PEM block');
  const following = others.map(readCertificate);
  following.forEach((signer, index) => {
    const signed = index === 0 ? own : following[index - 1];
    if (signed?.x509.checkIssued(signer.x509) !== true) {
      throw new Error(`holds more than one PEM block, and number ${index + 2} did not sign the one before it`);
    }
  });
  return { own, following };
}

/** What the store tells of it. Throws an Error for a key algorithm that kbin does not know. */
export function describeChain(name: CertificateName, chain: Chain, texts: PairTexts): StoredCertificate {
  const chainKeyIds = chain.following.map(({ issuerKeyId, keyId }) => (issuerKeyId ?? keyId).toString('hex'));
  return { ...describeCertificate(name, chain.own, texts), ...(chainKeyIds.length === 0 ? {} : { chainKeyIds }) };
}

const isRoot = (pem: string): boolean => {
  const { x509 } = readCertificate(pem);
  return x509.issuer === x509.subject;
};

/**
 * What stands after a leaf of an intermediate authority, so that those who only know the root believe it: the authority
 * and whatever is between it and the root.
 */
export const presentedBy = (authority: string, above: readonly string[]): string =>
  [authority, ...above.filter((pem) => !isRoot(pem))].join('');
