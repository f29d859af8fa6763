import { createPublicKey } from 'node:crypto';
import { KbinError } from '../../errors.ts';
import type { CertificateName } from '../../model/pki.ts';
import { Secret } from '../../model/secret.ts';
import type { NewFile } from '../journal.ts';
import { algorithmOf, privatePem } from '../keys.ts';
import { readSigningKey } from '../request/authority.ts';
import { keyPairFiles } from './adopt.ts';
import { type AuthorityWish, givenAuthority, type GivenAuthority } from './givenAuthority.ts';

/** What kubeadm keeps an authority under, below its certificatesDir. REFERENCE 1.1. */
const PLACES: Readonly<Record<CertificateName, string>> = {
  ca: 'ca',
  'etcd-ca': 'etcd/ca',
  'front-proxy-ca': 'front-proxy-ca',
};

/** Text of a file below the directory; undefined where there is none. */
export type ReadBelow = (path: string) => Secret | undefined;

export interface KubeadmDirectory {
  authorities: GivenAuthority[];
  /** The pair that signs ServiceAccount tokens, as files of the store. */
  serviceAccount: NewFile[];
}

/** Authorities and ServiceAccount key of a kubeadm cluster; instead, everything that is wrong with them, each as `FILE: what`. */
export function kubeadmDirectory(
  read: ReadBelow,
  wishes: readonly AuthorityWish[],
): KubeadmDirectory | { faults: string[] } {
  const given = wishes.map((wish) => authorityBelow(read, wish));
  const serviceAccount = serviceAccountBelow(read);
  const faults = [...given, serviceAccount].flatMap((one) => ('faults' in one ? one.faults : []));
  if (faults.length > 0) return { faults };
  return {
    authorities: given.flatMap((one) => ('faults' in one ? [] : [one])),
    serviceAccount: 'faults' in serviceAccount ? [] : serviceAccount.files,
  };
}

function authorityBelow(read: ReadBelow, wish: AuthorityWish): GivenAuthority | { faults: string[] } {
  const place = PLACES[wish.name] ?? wish.name;
  const [certificateFile, keyFile] = [`${place}.crt`, `${place}.key`];
  const [certificate, key] = [read(certificateFile), read(keyFile)];
  if (certificate === undefined) return { faults: [`${certificateFile}: is missing${meaning(wish.name)}`] };
  if (key === undefined)
    return { faults: [`${keyFile}: is missing, so nothing could be signed in its name. ${OUTSIDE}`] };
  return givenAuthority(
    { certificate: { label: certificateFile, text: certificate.reveal() }, key: { label: keyFile, text: key } },
    wish,
  );
}

const OUTSIDE =
  'Copy it from where it is; of a cluster whose CA is outside (external CA mode) give the authorities one by one, without --key';

const meaning = (name: CertificateName): string =>
  name === 'etcd-ca'
    ? '. With an etcd outside of the cluster the inventory has etcd.external; on hosts without etcd copy it from one that has it'
    : '';

function serviceAccountBelow(read: ReadBelow): { files: NewFile[] } | { faults: string[] } {
  const [key, publicKey] = [read('sa.key'), read('sa.pub')];
  if (key === undefined)
    return {
      faults: [
        'sa.key: is missing, and with another key every ServiceAccount token would be refused. Copy it from a control plane',
      ],
    };
  try {
    const own = readSigningKey('sa.key', key);
    if (algorithmOf(own) === null) return { faults: ['sa.key: is a key of a kind that kbin does not know'] };
    if (publicKey !== undefined && !createPublicKey(publicKey.reveal()).equals(createPublicKey(own)))
      return { faults: ['sa.pub: does not belong to sa.key'] };
    return { files: keyPairFiles('sa', new Secret(privatePem(own))) };
  } catch (error) {
    // An error of the key's own says its file already; the other reader quotes no text.
    return { faults: [error instanceof KbinError ? error.message : `sa.pub: ${(error as Error).message}`] };
  }
}
