import { expect, test } from '@jest/globals';
import { approveIn } from '../../../../src/commands/certs/approve.ts';
import type { Engine, World } from '../../../../src/engine/engine.ts';
import { EXIT_CODES, KbinError } from '../../../../src/errors.ts';
import type { Event } from '../../../../src/model/event.ts';
import type { Inventory, JsonObject } from '../../../../src/model/inventory.ts';
import { NO_ALT_NAMES } from '../../../../src/pki/altNames.ts';
import { certificateRequest } from '../../../../src/pki/csr.ts';
import { newKeyPair } from '../../../../src/pki/keys.ts';
import { ATTRIBUTES, nameOf } from '../../../../src/pki/names.ts';
import { host, inventory } from '../../desired/inventories.ts';

const keys = await newKeyPair('ECDSA-P256');

function item(name: string, ip: string): JsonObject {
  const subject = nameOf([
    { type: ATTRIBUTES.O, value: 'system:nodes' },
    { type: ATTRIBUTES.CN, value: 'system:node:w-1' },
  ]);
  const request = certificateRequest({ keys, subject, sans: { ...NO_ALT_NAMES, ip: [ip] } });
  return {
    metadata: { name, resourceVersion: '1' },
    spec: {
      signerName: 'kubernetes.io/kubelet-serving',
      username: 'system:node:w-1',
      groups: ['system:nodes'],
      usages: ['digital signature', 'server auth'],
      request: Buffer.from(request).toString('base64'),
    },
  };
}
const GOOD = item('csr-good', '10.0.0.2');
const EVIL = item('csr-evil', '10.0.0.1');
const LEFT = 'Left csr-evil of w-1 asks for 10.0.0.1, which the inventory does not give the host';

/** A session over an API that answers each look with the next of these; `null` is no answer. */
function sessionOf(
  looks: (JsonObject[] | null)[],
  kubeletServing: Inventory['certificates']['kubeletServing'] = 'kubelet',
) {
  const printed: string[] = [];
  const events: Event[] = [];
  const interrupt = new AbortController();
  const api = {
    list: async () => {
      const items = looks.shift();
      if (looks.length === 0) interrupt.abort();
      if (items === null) throw new KbinError('CONNECT', 'no kube-apiserver answers');
      return { items: items ?? [], serverTime: 0 };
    },
    patchAsRead: async () => true,
  };
  const engine = {
    inventory: inventory([host('cp-1', '10.0.0.1'), host('w-1', '10.0.0.2')], {
      certificates: { ...inventory([]).certificates, kubeletServing },
    }),
    world: { api: () => api } as unknown as World,
    clock: { now: () => 0, monotonic: () => 0, pause: async () => undefined },
    signal: interrupt.signal,
    emit: (event: Event) => void events.push(event),
  } as unknown as Engine;
  return { session: { engine, print: (line: string) => void printed.push(line) }, printed, events };
}

test('tells what it approves and what it leaves, and ends with a code of its own when something is left', async () => {
  const { session, printed, events } = sessionOf([[GOOD, EVIL]]);
  expect(await approveIn(session, false)).toBe(EXIT_CODES.PENDING);
  expect(printed).toEqual(['Approved csr-good of w-1: 10.0.0.2', LEFT]);
  expect(events).toMatchObject([{ type: 'step', step: 'api/approve:csr-good', verb: 'approve', result: 'done' }]);
});

test('ends with 0 when nothing is left, and says when nobody waits', async () => {
  const one = sessionOf([[GOOD]]);
  expect(await approveIn(one.session, false)).toBe(0);
  const none = sessionOf([[]]);
  expect(await approveIn(none.session, false)).toBe(0);
  expect(none.printed).toEqual(['No kubelet waits for approval.']);
});

test('a watch goes on over an API that is away, and repeats nothing', async () => {
  const { session, printed } = sessionOf([[EVIL], null, null, [EVIL], [GOOD]]);
  expect(await approveIn(session, true)).toBe(0);
  expect(printed).toEqual([LEFT, 'CONNECT no kube-apiserver answers', 'Approved csr-good of w-1: 10.0.0.2']);
});

test('is refused where kbin issues these certificates itself', async () => {
  const { session } = sessionOf([[GOOD]], 'kbin');
  await expect(approveIn(session, false)).rejects.toMatchObject({ code: 'USAGE' });
});
