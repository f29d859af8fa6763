import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { kubernetesApi } from '../../../src/engine/api.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { StoredHead } from '../../../src/engine/etcdValues.ts';
import { rewriteStored } from '../../../src/engine/rewrite.ts';
import { host, inventory } from '../desired/inventories.ts';
import { makeCertificates } from './probes/certificates.ts';
import { FakeApi } from './probes/fakeApi.ts';
import { World } from './probes/world.ts';

const certificates = makeCertificates();
const site = inventory([host('cp-1', '10.0.0.1')]);
const NEW = 'k8s:enc:secretbox:v1:key-2:';
const OLD = 'k8s:enc:secretbox:v1:key-1:';

let world: World;
let api: FakeApi;
let heads: StoredHead[];
let told: string[];
beforeEach(async () => {
  world = new World(certificates);
  api = new FakeApi();
  heads = [];
  told = [];
  await world.listen('cp-1', 6443, api.handler);
});
afterEach(() => world.close());

const pathOf = (name: string): string => `/api/v1/namespaces/default/secrets/${name}`;
function put(name: string, head: string): void {
  heads.push({ key: `/registry/secrets/default/${name}`, head });
  api.put(pathOf(name), { kind: 'Secret', data: { password: 'UE9JU09O' } });
}

function rewrite(signal = new AbortController().signal): Promise<void> {
  const { fleet, pki, clock } = world;
  const current = { provider: 'secretbox', resources: ['secrets'], key: 'key-2', createdAt: 0 } as const;
  const engine = {
    inventory: site,
    pki: { ...pki, encryption: async () => ({ current, old: { ...current, key: 'key-1' } }) },
    signal,
    world: { api: () => kubernetesApi({ inventory: site, fleet, pki, clock }), storedHeads: async () => heads },
  } as unknown as Engine;
  return rewriteStored(engine, (line) => told.push(line));
}

const patched = (): string[] => api.asked.filter(({ method }) => method === 'PATCH').map(({ path }) => path);

test('only what is under another key is written again, by a patch with nothing in it, and nothing of it is read', async () => {
  put('new', NEW);
  put('old', OLD);
  put('plain', 'k8s\u0000');
  await rewrite();
  expect(patched().sort()).toEqual(['old', 'plain'].map((name) => `${pathOf(name)}?fieldManager=kbin-rotation`));
  for (const { method, body } of api.asked) expect([method, body]).toEqual(['PATCH', {}]);
  expect(told).toEqual(['secrets: 2 of 2 written again']);
});

test('one that was deleted meanwhile is fine', async () => {
  put('old', OLD);
  api.objects.clear();
  await rewrite();
  expect(patched()).toHaveLength(1);
});

test('those that are refused are named, the others are written', async () => {
  for (const name of ['a', 'b', 'c']) put(name, OLD);
  api.instead = ({ path }) =>
    path.startsWith(pathOf('b')) ? { status: 422, body: { message: 'denied by a webhook' } } : undefined;
  await expect(rewrite()).rejects.toMatchObject({
    code: 'STEP',
    message: '1 of 3 secrets could not be written again',
    evidence: [expect.stringMatching(/refused to write \/api\/v1\/namespaces\/default\/secrets\/b again: 422 denied/)],
  });
  expect(patched()).toHaveLength(3);
});

test('progress is told ten times at most', async () => {
  for (let index = 0; index < 1500; index += 1) put(`s-${index}`, OLD);
  await rewrite();
  expect(told).toHaveLength(10);
  expect(told.at(-1)).toBe('secrets: 1500 of 1500 written again');
}, 60_000);

test('an interruption starts nothing more', async () => {
  put('old', OLD);
  await expect(rewrite(AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(patched()).toEqual([]);
});
