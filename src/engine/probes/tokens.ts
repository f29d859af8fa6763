import { createHash, createPublicKey } from 'node:crypto';
import { parsePodTokens, podTokensScript, tokenKeyIdOf } from '../../remote/podVolumes.ts';
import { textAt } from '../httpJson.ts';
import { seenByPods } from './podVolumes.ts';
import { passed, refused, type Answer, type Probe, type ProbeContext } from './probe.ts';

/**
 * Key id that kube-apiserver writes into the tokens it signs: sha256 of the public key's DER, base64url.
 * Source: kubernetes pkg/serviceaccount/jwt.go, keyIDFromPublicKey.
 */
export const tokenKeyId = (publicPem: string): string =>
  createHash('sha256')
    .update(createPublicKey(publicPem).export({ type: 'spki', format: 'der' }))
    .digest('base64url');

const SECRETS = `/api/v1/secrets?fieldSelector=${encodeURIComponent('type=kubernetes.io/service-account-token')}`;
const NAMES_SHOWN = 5;

const TAKE_OUT =
  'Take the key `token` out of each: kube-controller-manager puts a new one there. Then give it to whoever used the old one.';

/** Tokens in Secrets never end by themselves, and only their holders know who uses them. */
async function inSecrets({ api }: ProbeContext, wanted: string): Promise<Answer> {
  const { items } = await api.list(SECRETS);
  const old = items
    .filter((item) => {
      const token = Buffer.from(textAt(item, 'data', 'token'), 'base64').toString();
      return token !== '' && tokenKeyIdOf(token.split('.')[0] ?? '') !== wanted;
    })
    .map((item) => `${textAt(item, 'metadata', 'namespace')}/${textAt(item, 'metadata', 'name')}`);
  if (old.length === 0) return passed('no Secret holds an older token');
  const names = `${old.slice(0, NAMES_SHOWN).join(', ')}${old.length > NAMES_SHOWN ? ', …' : ''}`;
  return refused(`${old.length} Secrets hold tokens of another key: ${names}`, TAKE_OUT);
}

/** Every token in a pod's volumes and in Secrets is signed by the key that signs now; only then the old one may go. */
export const tokens: Probe = async (context) => {
  const wanted = tokenKeyId((await context.pki.read({ certificate: 'sa', part: 'public-key' })).reveal());
  return seenByPods(context, () => inSecrets(context, wanted), {
    script: podTokensScript(),
    parse: parsePodTokens,
    wanted,
    passed: (files) => `all ${files} tokens of pods are signed by the new key`,
    refused: (behind, files) => `${behind} of ${files} tokens of pods are still signed by another key`,
  });
};
