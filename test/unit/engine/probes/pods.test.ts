import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Answers, ProbeContext } from '../../../../src/engine/probes/probe.ts';
import { rootCa } from '../../../../src/engine/probes/rootCa.ts';
import { tokens } from '../../../../src/engine/probes/tokens.ts';
import { sha256 } from '../../../../src/model/digest.ts';
import { Secret } from '../../../../src/model/secret.ts';
import { podBundlesScript, podTokensScript } from '../../../../src/remote/podVolumes.ts';
import { host, inventory } from '../../desired/inventories.ts';
import { makeCertificates } from './certificates.ts';
import { FakeApi } from './fakeApi.ts';
import { World } from './world.ts';

const certificates = makeCertificates();
const site = inventory([
  host('cp-1', '10.0.0.1', { roles: ['etcd', 'control-plane'] }),
  host('worker-1', '10.0.0.2', { roles: ['worker'] }),
]);
const BUNDLE = 'the roots\n';
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const SA = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const KID = createHash('sha256')
  .update(createPublicKey(SA).export({ type: 'spki', format: 'der' }))
  .digest('base64url');

let world: World;
let fake: FakeApi;
/** What a host answers to the one script that it is asked. */
let said: Record<string, string>;
let scripts: string[];

beforeEach(async () => {
  world = new World(certificates);
  fake = new FakeApi();
  said = {};
  scripts = [];
  world.run = (name, { script }) => {
    scripts.push(script);
    return { stdout: said[name] ?? '' };
  };
  await world.listen('cp-1', 6443, fake.handler);
});
afterEach(() => world.close());

function context(): ProbeContext {
  const own = world.context(site);
  const read: ProbeContext['pki']['read'] = async (ref) => {
    if (ref.part === 'roots') return new Secret(BUNDLE);
    return ref.certificate === 'sa' ? new Secret(SA) : own.pki.read(ref);
  };
  return { ...own, pki: { ...own.pki, read } };
}

const all = (text: string): Answers => ({ 'cp-1': { ok: false, text }, 'worker-1': { ok: false, text } });

describe('the CA bundle of pods', () => {
  const publish = (bundles: Record<string, string>): void => {
    const items = (path: string): object[] =>
      Object.entries(bundles).map(([name, bundle]) =>
        path.includes('configmaps')
          ? { metadata: { name: 'kube-root-ca.crt', namespace: name }, data: { 'ca.crt': bundle } }
          : { metadata: { name } },
      );
    fake.instead = ({ path }) =>
      /^\/api\/v1\/(configmaps|namespaces)/.test(path) ? { body: { items: items(path) as never } } : undefined;
  };

  test('is the one that is trusted now, on every host', async () => {
    publish({ default: BUNDLE, 'kube-system': BUNDLE.trim() });
    const right = sha256(BUNDLE);
    said = { 'cp-1': `${right}  -\n`, 'worker-1': `${right}  -\n${right}  -\n` };
    expect(await rootCa(context())).toEqual({
      'cp-1': { ok: true, text: 'all 1 pods see it' },
      'worker-1': { ok: true, text: 'all 2 pods see it' },
    });
    expect(scripts).toEqual([podBundlesScript(), podBundlesScript()]);
    said['worker-1'] = `${right}  -\n${sha256('old')}  -\n`;
    expect(await rootCa(context())).toMatchObject({
      'cp-1': { ok: true },
      'worker-1': { ok: false, text: '1 of 2 pods still see the earlier kube-root-ca.crt' },
    });
  });

  test('is not asked for on hosts while it is not published; some of the namespaces are named', async () => {
    publish({ a: 'old', b: BUNDLE });
    expect(await rootCa(context())).toEqual(all('ConfigMap kube-root-ca.crt does not hold what is trusted now in a'));
    publish({ a: 'old', b: '', c: 'old', d: 'old', e: 'old' });
    const text = 'ConfigMap kube-root-ca.crt does not hold what is trusted now in a, b, c and 2 more';
    expect(await rootCa(context())).toEqual(all(text));
    expect(scripts).toEqual([]);
  });

  test('cannot be told while no API server answers', async () => {
    world.refuse('cp-1', 6443);
    const answers = await rootCa(context());
    expect(Object.values(answers).map(({ ok }) => ok)).toEqual([false, false]);
    expect(scripts).toEqual([]);
  });
});

describe('the tokens of pods', () => {
  const tokenOf = (kid: string): string =>
    `${Buffer.from(JSON.stringify({ alg: 'ES256', kid })).toString('base64url')}.payload.POISON`;
  const header = (kid: string): string => tokenOf(kid).split('.')[0] ?? '';
  const keep = (...kids: string[]): void => {
    const items = kids.map((kid, index) => ({
      metadata: { namespace: 'ns', name: `s-${index}` },
      data: { token: Buffer.from(tokenOf(kid)).toString('base64') },
    }));
    fake.instead = ({ path }) => (path.startsWith('/api/v1/secrets') ? { body: { items } } : undefined);
  };

  test('are signed by the key that signs now, on every host', async () => {
    keep(KID);
    said = { 'cp-1': `${header(KID)}\n`, 'worker-1': `${header(KID)}\n${header(KID)}\n` };
    expect(await tokens(context())).toEqual({
      'cp-1': { ok: true, text: 'all 1 tokens of pods are signed by the new key' },
      'worker-1': { ok: true, text: 'all 2 tokens of pods are signed by the new key' },
    });
    expect(scripts).toEqual([podTokensScript(), podTokensScript()]);
    said['worker-1'] = `${header('old')}\n${header(KID)}\n`;
    expect(await tokens(context())).toMatchObject({
      'cp-1': { ok: true },
      'worker-1': { ok: false, text: '1 of 2 tokens of pods are still signed by another key' },
    });
  });

  test('are not asked for on hosts while a Secret holds an older one; it is named, and nothing of it is told', async () => {
    keep(KID, 'old');
    const hint =
      'Take the key `token` out of each: kube-controller-manager puts a new one there. Then give it to whoever used the old one.';
    const answers = await tokens(context());
    expect(answers['worker-1']).toEqual({ ok: false, text: '1 Secrets hold tokens of another key: ns/s-1', hint });
    expect(answers['cp-1']).toEqual(answers['worker-1']);
    keep(...Array.from({ length: 7 }, () => 'old'));
    const many = await tokens(context());
    expect(many['cp-1']?.text).toBe('7 Secrets hold tokens of another key: ns/s-0, ns/s-1, ns/s-2, ns/s-3, ns/s-4, …');
    expect(JSON.stringify([answers, many])).not.toContain('POISON');
    expect(scripts).toEqual([]);
  });
});
