import { compact } from './shell.ts';

/** Where the kubelet puts what it projects into pods: CA bundle and token of their ServiceAccount. */
const PROJECTED = './var/lib/kubelet/pods/*/volumes/kubernetes.io~projected';

/**
 * sha256 of every CA bundle in the running pods' ServiceAccount volumes, one line each. A pod that is not running any
 * more is not refreshed and does not count: its volume goes with it.
 */
export const podBundlesScript = (): string =>
  compact(`
    cd /
    for bundle in ${PROJECTED}/kube-api-access-*/ca.crt; do
      if [ -f "$bundle" ]; then sha256sum <"$bundle"; fi
    done
    exit 0
  `);

/** Digests of {@link podBundlesScript}, hex. */
export const parsePodBundles = (stdout: string): string[] =>
  [...stdout.matchAll(/^([0-9a-f]{64})\b/gm)].map((match) => match[1] ?? '');

/** The header of every projected token, which names the key that signed it; of payload and signature nothing is told. */
export const podTokensScript = (): string =>
  compact(`
    cd /
    for token in ${PROJECTED}/*/token; do
      if [ -f "$token" ]; then
        IFS=. read -r header rest <"$token"
        printf '%s\\n' "$header"
      fi
    done
    exit 0
  `);

/** Key id in the header of a token (RFC 7515, `kid`); '' for one without. */
export const tokenKeyIdOf = (header: string): string =>
  /"kid"\s*:\s*"([^"]*)"/.exec(Buffer.from(header, 'base64url').toString())?.[1] ?? '';

/** Key ids of {@link podTokensScript}. */
export const parsePodTokens = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(tokenKeyIdOf);
