import type { PkiStore } from '../model/ports.ts';
import { apiPath } from './apiPaths.ts';

/**
 * Where kube-apiservers publish whom they believe, for extension apiservers. They add what is new and leave what is old
 * until it has expired, so the end of a rotation takes it out (REFERENCE 1.4).
 */
export const PUBLISHED_AUTHORITIES = apiPath({
  apiVersion: 'v1',
  resource: 'configmaps',
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
});

/** The authorities that it should hold: as many as are trusted now, by its keys. */
export async function publishedAuthorities(pki: PkiStore): Promise<Record<string, string>> {
  const bundle = async (names: readonly string[]): Promise<string> => {
    const parts = await Promise.all(names.map((certificate) => pki.read({ certificate, part: 'trusted' })));
    return parts.map((part) => part.reveal()).join('');
  };
  return {
    'client-ca-file': await bundle(['ca', 'kubelet-signer']),
    'requestheader-client-ca-file': await bundle(['front-proxy-ca']),
  };
}
