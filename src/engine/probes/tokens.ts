import { createHash, createPublicKey } from 'node:crypto';
import { parsePodTokens, podTokensScript, tokenKeyIdOf } from '../../remote/podVolumes.ts';
import { textAt } from '../httpJson.ts';
import {
  eachHost,
  forAllHosts,
  passed,
  refused,
  withApi,
  type Answers,
  type Probe,
  type ProbeContext,
} from './probe.ts';

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

/** Tokens in Secrets never end by themselves, and only their holders know who uses them. */
const inSecrets = (context: ProbeContext, wanted: string): Promise<Answers> =>
  withApi(context, async () => {
    const { items } = await context.api.list(SECRETS);
    const old = items
      .filter((item) => {
        const token = Buffer.from(textAt(item, 'data', 'token'), 'base64').toString();
        return token !== '' && tokenKeyIdOf(token.split('.')[0] ?? '') !== wanted;
      })
      .map((item) => `${textAt(item, 'metadata', 'namespace')}/${textAt(item, 'metadata', 'name')}`);
    if (old.length === 0) return forAllHosts(context, passed('no Secret holds an older token'));
    const names = `${old.slice(0, NAMES_SHOWN).join(', ')}${old.length > NAMES_SHOWN ? ', …' : ''}`;
    return forAllHosts(
      context,
      refused(
        `${old.length} Secrets hold tokens of another key: ${names}`,
        'Take the key `token` out of each: kube-controller-manager puts a new one there. Then give it to whoever used the old one.',
      ),
    );
  });

/** Every token in a pod's volumes and in Secrets is signed by the key that signs now; only then the old one may go. */
export const tokens: Probe = async (context) => {
  const key = (await context.pki.read({ certificate: 'sa', part: 'public-key' })).reveal();
  const wanted = tokenKeyId(key);
  const secrets = await inSecrets(context, wanted);
  if (Object.values(secrets).some(({ ok }) => !ok)) return secrets;
  return eachHost(context, async (connection) => {
    const { stdout } = await connection.run({ script: podTokensScript() });
    const ids = parsePodTokens(stdout);
    const old = ids.filter((id) => id !== wanted).length;
    return old === 0
      ? passed(`all ${ids.length} tokens of pods are signed by the new key`)
      : refused(`${old} of ${ids.length} tokens of pods are still signed by another key`);
  });
};
