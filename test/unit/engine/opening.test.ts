import { expect, test } from '@jest/globals';
import type { ApplyContext } from '../../../src/engine/apply.ts';
import { openingOf } from '../../../src/engine/opening.ts';
import { unsettledBy } from '../../../src/engine/unsettled.ts';
import type { HostFacts, Owned, PathFact } from '../../../src/model/facts.ts';
import type { Action, Step } from '../../../src/model/plan.ts';
import type { Binary, Image, Renewed, Resource } from '../../../src/model/resource.ts';

const HOST = 'cp-1';
const PATH = '/opt/kbin/etcd/v3.6.16/etcd';
const LINK = '/usr/local/bin/etcd';
const artifact = { type: 'binary', component: 'etcd', version: 'v3.6.16', arch: 'amd64', name: 'etcd' } as const;
const binary: Binary = { id: `binary:${LINK}`, kind: 'binary', phase: 'etcd', artifact, path: PATH, link: LINK };
const image: Image = { id: 'image:pause', kind: 'image', phase: 'runtime', artifact, reference: 'pause' };
const own: Renewed = {
  ...{ id: 'renewed:/own.pem', kind: 'renewed', phase: 'node' },
  ...{ path: '/own.pem', unit: 'kubelet.service', signers: ['ca'] },
};
const sizes = { sha256: 'b'.repeat(64), bytes: 1, compressedBytes: 1 };

const step = (action: Action): Step => ({ id: `${HOST}/x`, host: HOST, phase: 'etcd', why: 'missing', action });
const upload = step({ do: 'binary', binary, ...sizes });
const imageUpload = step({ do: 'image', image, ...sizes });
const restart = (unit: string, inputs: readonly string[]): Step =>
  step({
    ...{ do: 'unit', unit, verb: 'restart', start: 'ready', enable: false },
    inputs: Object.fromEntries(inputs.map((id) => [id, 'd'])),
  });

const ownedOf = (paths: string[]): Owned => ({
  ...{ version: 1, cluster: { name: 'prod', id: 'abc' }, host: HOST },
  ...{ paths, units: ['etcd.service'] },
});

function contextWith(owned: Owned | null, paths: Record<string, PathFact> = {}): ApplyContext {
  const resources: Resource[] = [binary, image];
  return {
    engine: { inventory: { cluster: 'prod' }, desired: { hosts: { [HOST]: resources } } },
    facts: { hosts: { [HOST]: { owned, paths } as HostFacts } },
    clusterId: 'abc',
    token: 5,
    unitSteps: new Map([[HOST, [restart('etcd.service', [binary.id]), restart('x.service', ['file:/etc/x'])]]]),
  } as unknown as ApplyContext;
}

const LISTED = ownedOf([PATH]);
const program = (sha256: string): Record<string, PathFact> => ({
  [PATH]: { type: 'file', mode: '0755', owner: 'root:root', sha256 },
});

test.each<[string, ApplyContext, Step[]]>([
  ['nothing is sent', contextWith(null), []],
  ['the program is on the list', contextWith(LISTED), [upload]],
  ['it only gets its mode', contextWith(LISTED, program(sizes.sha256)), [upload]],
  ['only images are sent, below kbin’s own places', contextWith(ownedOf([])), [imageUpload]],
])('a host is not asked first when %s', (_what, context, uploads) => {
  expect(openingOf(context, HOST, uploads)).toBeUndefined();
});

test.each<[string, ApplyContext, Step[], string[], string[]]>([
  ['a bare host', contextWith(null), [upload], ['/opt/kbin', PATH], []],
  ['a bare host that gets images only', contextWith(null), [imageUpload], ['/opt/kbin'], []],
  ['another version', contextWith(ownedOf(['/opt/kbin', '/etc/x'])), [upload], ['/etc/x', '/opt/kbin', PATH], []],
  [
    'a program that somebody replaced',
    contextWith(LISTED, program('f'.repeat(64))),
    [upload],
    ['/opt/kbin', PATH],
    ['etcd.service'],
  ],
])('a host is told first: %s', (_what, context, uploads, paths, unsettles) => {
  const before = context.facts.hosts[HOST]?.owned?.units ?? [];
  expect(openingOf(context, HOST, uploads)).toEqual({ owned: { ...ownedOf(paths), units: before }, unsettles });
});

test('units are unsettled by what they run with, and only those that the run starts', () => {
  const resources = [binary, image, own];
  const units = [restart('etcd.service', [binary.id]), restart('kubelet.service', ['file:/etc/k'])];
  const by = (action: Action): string[] => unsettledBy([step(action)], units, resources);
  expect(by(upload.action)).toEqual(['etcd.service']);
  expect(by({ do: 'link', path: LINK, target: PATH })).toEqual(['etcd.service']);
  expect(by({ do: 'link', path: '/usr/local/bin/other', target: PATH })).toEqual([]);
  expect(by({ do: 'remove', path: own.path })).toEqual(['kubelet.service']);
  expect(by({ do: 'remove', path: '/etc/k' })).toEqual([]);
  expect(by(imageUpload.action)).toEqual([]);
  expect(unsettledBy([upload], [], resources)).toEqual([]);
  // The rest of its stamp stays where it reads again all that changes.
  const etcd = { kind: 'unit', name: 'etcd.service', reloadsOn: [binary.id] } as unknown as Resource;
  expect(unsettledBy([upload], units, [...resources, etcd])).toEqual(['+etcd.service']);
  const both = [upload, step({ do: 'remove', path: own.path })];
  const reading = [restart('etcd.service', [binary.id]), restart('kubelet.service', ['file:/etc/k'])];
  expect(unsettledBy(both, reading, [...resources, etcd])).toEqual(['+etcd.service', 'kubelet.service']);
  // Once, also where the plan and what was found anew both have its step.
  expect(unsettledBy([upload], [...units, ...units], resources)).toEqual(['etcd.service']);
});
