import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isSatisfied, passGate, type GateAsked } from '../../../src/engine/gate.ts';
import { journalLines, journalScript } from '../../../src/engine/gateEvidence.ts';
import { PROBE_TABLE } from '../../../src/engine/probes/index.ts';
import type { KbinError } from '../../../src/errors.ts';
import type { Event } from '../../../src/model/event.ts';
import { PROBES, type Gate } from '../../../src/model/phase.ts';
import { host, inventory } from '../desired/inventories.ts';
import { makeCertificates } from './probes/certificates.ts';
import { World, type Said } from './probes/world.ts';

const certificates = makeCertificates();
const site = inventory([host('cp-1', '10.0.0.1'), host('cp-2', '10.0.0.2')]);
let world: World;
beforeEach(() => {
  world = new World(certificates);
});
afterEach(() => world.close());

const asked = (changed: Partial<Gate> = {}, hosts = ['cp-1', 'cp-2']): GateAsked => ({
  wave: 'apiserver',
  phase: 'apiserver',
  gate: { probe: 'apiserver', need: 'all', withinSeconds: 60, units: ['kube-apiserver.service'], ...changed },
  hosts,
});

const context = (): Parameters<typeof passGate>[1] => {
  const { clock, emit, fleet, pki } = world;
  return { inventory: site, clock, emit, fleet, pki };
};

/** One answer a poll, the last one for ever; how often it was asked. */
async function answering(name: string, ...said: Said[]): Promise<() => number> {
  let polls = 0;
  await world.listen(name, 6443, () => {
    const answer = said[Math.min(polls, said.length - 1)];
    polls += 1;
    return answer ?? {};
  });
  return () => polls;
}

const gateFailure = async (gate: GateAsked = asked()): Promise<KbinError> => {
  const error = await passGate(gate, context()).then(
    () => undefined,
    (thrown: unknown) => thrown as KbinError,
  );
  expect(error).toMatchObject({ code: 'GATE', exitCode: 31 });
  return error as KbinError;
};

const OK: Said = {};
const NOT_YET: Said = { status: 500, body: '[-]etcd failed' };
const states = (): unknown[] =>
  world.events.map((event) => (event.type === 'gate' ? [event.state, event.answers] : event.type));

test('passes after three good polls in a row of kube-apiserver, not after three in all', async () => {
  await answering('cp-2', OK);
  const polls = await answering('cp-1', NOT_YET, OK, OK, NOT_YET, OK, OK, OK);
  await passGate(asked(), context());
  expect(polls()).toBe(7);
  expect(world.clock.pauses).toBe(6);
});

test('all hosts must be good in the same polls', async () => {
  const first = await answering('cp-1', OK, OK, NOT_YET, OK, OK, OK);
  await answering('cp-2', NOT_YET, OK, OK, OK, OK, OK);
  await passGate(asked(), context());
  expect(first()).toBe(6);
});

test('tells a change of answers once, of the hosts that keep it from passing, then all of them', async () => {
  await answering('cp-1', NOT_YET, NOT_YET, NOT_YET, OK);
  await answering('cp-2', OK);
  await passGate(asked(), context());
  expect(states()).toEqual([
    ['waiting', {}],
    ['waiting', { 'cp-1': 'not ready: etcd' }],
    ['waiting', {}],
    ['passed', { 'cp-1': 'ready', 'cp-2': 'ready' }],
  ]);
  expect(world.events[0]).toMatchObject({ type: 'gate', wave: 'apiserver', phase: 'apiserver', probe: 'apiserver' });
});

test('polls four times a second, without a pause after the last poll', async () => {
  await answering('cp-1', NOT_YET, OK);
  const start = world.clock.now();
  await passGate(asked({}, ['cp-1']), context());
  expect(world.clock.now() - start).toBe(750);
});

test('a host that cannot be connected to for a while does not end the gate', async () => {
  await answering('cp-1', OK);
  await answering('cp-2', OK);
  world.lost.add('cp-2');
  world.clock.onPause = (pauses) => {
    if (pauses === 4) world.lost.clear();
  };
  await passGate(asked(), context());
  expect(states()).toContainEqual(['waiting', { 'cp-2': 'cp-2: no route to host' }]);
});

const JOURNAL = `=== unit kube-apiserver.service
ActiveState=activating
SubState=auto-restart
NRestarts=12
Result=exit-code
=== journal
2026-11-20T12:00:00+0000 cp-2 kube-apiserver[1]: \u001b[31mconnection refused\u001b[0m
2026-11-20T12:00:01+0000 cp-2 systemd[1]: Failed
`;

test('fails with every last answer, the failing host’s unit and journal, and what to do', async () => {
  await answering('cp-1', OK);
  const commands: string[] = [];
  world.run = (name, { script, timeoutSeconds }) => {
    commands.push(`${name} ${timeoutSeconds ?? 0} ${script}`);
    return { stdout: JOURNAL };
  };
  const start = world.clock.now();
  const error = await gateFailure();
  expect(error.message).toBe('kube-apiserver on cp-2: connection refused on 6443, after 60 s');
  expect(error.host).toBe('cp-2');
  expect(error.hint).toContain('run the same command again');
  expect(error.evidence).toEqual([
    'Last answers:',
    '  cp-1: ok: ready',
    '  cp-2: connection refused on 6443',
    'cp-2 kube-apiserver.service: activating (auto-restart), restarted 12 times, last result exit-code',
    '  2026-11-20T12:00:00+0000 cp-2 kube-apiserver[1]: connection refused',
    '  2026-11-20T12:00:01+0000 cp-2 systemd[1]: Failed',
  ]);
  expect(commands).toHaveLength(1);
  expect(commands[0]).toMatch(/^cp-2 10 /);
  expect(commands[0]).toMatch(/journalctl -u '?kube-apiserver\.service'? -n 20 --no-pager -o short-iso/);
  expect(world.clock.now() - start).toBe(60_000);
  expect(states().at(-1)).toEqual(['failed', { 'cp-2': 'connection refused on 6443' }]);
});

test('an answer that is good only at the end is given the polls it needs', async () => {
  await answering('cp-2', OK);
  const bad = Array.from({ length: 4 }, () => NOT_YET);
  await answering('cp-1', ...bad, OK);
  await passGate(asked({ withinSeconds: 1 }), context());
  expect(world.clock.pauses).toBe(6);
});

test('a component that flaps past the end fails', async () => {
  await answering('cp-2', OK);
  await answering('cp-1', ...Array.from({ length: 99 }, (_, poll) => (poll % 3 === 2 ? NOT_YET : OK)));
  world.run = () => ({ stdout: '' });
  const error = await gateFailure(asked({ withinSeconds: 10 }));
  expect(error.message).toBe('kube-apiserver on cp-1: not ready: etcd, after 10 s');
});

test('a journal that cannot be read does not hide the answers', async () => {
  world.lost.add('cp-2');
  await answering('cp-1', OK);
  const error = await gateFailure();
  expect(error.evidence.at(-1)).toBe('cp-2: its journal cannot be read: cp-2: no route to host');
});

test('names three failing hosts, counts the others, reads three journals', async () => {
  const hosts = ['a', 'b', 'c', 'd', 'e'];
  const read: string[] = [];
  world.run = (name) => {
    read.push(name);
    return {};
  };
  const error = await gateFailure(asked({}, hosts));
  expect(error.message).toBe('kube-apiserver on a, b, c and 2 more: connection refused on 6443, after 60 s');
  expect(error.host).toBeUndefined();
  expect(read.sort()).toEqual(['a', 'b', 'c']);
  expect(error.evidence.filter((line) => line.includes('connection refused'))).toHaveLength(5);
});

test('the hint of the answer goes before the hint of the gate', async () => {
  await answering('cp-1', { status: 401 });
  world.run = () => ({});
  const error = await gateFailure(asked({}, ['cp-1']));
  expect(error.hint).toBe('Compare the ca of the PKI directory with the host.');
});

test('nobody left to answer is not passed', async () => {
  const error = await gateFailure(asked({ withinSeconds: 1 }, []));
  expect(error.message).toBe('kube-apiserver: no host was left to answer, after 1 s');
});

test.each([
  [['cp-2'], 'cp-2 6443'],
  [['cp-1', 'cp-2'], 'cp-1 6443'],
  [['worker-1'], 'cp-1 6443'],
])('a gate of %j reads the API on %s', async (hosts, opened) => {
  world.run = () => ({});
  for (const name of ['cp-1', 'cp-2']) await world.listen(name, 6443, () => ({ status: 404 }));
  const error = await gateFailure(asked({ probe: 'cluster', withinSeconds: 0 }, hosts));
  expect(error.message).toContain('there is no CoreDNS');
  expect(world.opened).toEqual([opened]);
});

test('is given up when nobody waits any more', async () => {
  const abort = new AbortController();
  world.clock.onPause = (pauses) => {
    if (pauses === 3) abort.abort();
  };
  await expect(passGate(asked(), { ...context(), signal: abort.signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  expect(world.clock.pauses).toBe(3);
});

test.each<[Gate['need'], number, number, number, boolean]>([
  ['all', 3, 3, 3, true],
  ['all', 2, 3, 3, false],
  ['all', 0, 0, 3, false],
  ['quorum', 2, 3, 3, true],
  ['quorum', 1, 3, 3, false],
  ['quorum', 1, 1, 3, false],
  ['quorum', 2, 4, 4, false],
  ['quorum', 3, 4, 4, true],
  ['quorum', 1, 1, 1, true],
])('need %s: %i good of %i asked of %i members: %s', (need, good, of, members, expected) => {
  const answers = Object.fromEntries(Array.from({ length: of }, (_, i) => [`h${i}`, { ok: i < good, text: '' }]));
  expect(isSatisfied(answers, need, members)).toBe(expected);
});

test('every probe has its row, and what crash-loops is asked more than once', () => {
  expect(Object.keys(PROBE_TABLE).sort()).toEqual([...PROBES].sort());
  const inARow = Object.fromEntries(PROBES.map((name) => [name, PROBE_TABLE[name].inARow]));
  expect(inARow).toMatchObject({ apiserver: 3, etcd: 2, leases: 2, 'nodes-ready': 2, cluster: 1 });
});

test('the journal script asks for each unit, and a unit’s name is a word of the shell', () => {
  expect(journalScript(['a.service', "b'; x"]).split('\n')).toHaveLength(8);
  expect(journalScript(["b'; x"])).not.toContain("-u b';");
});

test('journal lines of several units stay apart, and a healthy unit is told without restarts', () => {
  const stdout = `=== unit a.service\nActiveState=active\nSubState=running\nNRestarts=0\nResult=success\n=== journal\nx\n=== unit b.service\n=== journal\ny\n`;
  expect(journalLines('cp-1', stdout)).toEqual([
    'cp-1 a.service: active (running)',
    '  x',
    'cp-1 b.service: unknown (unknown)',
    '  y',
  ]);
});

test('no event or error of a gate holds a key', async () => {
  world.run = () => ({});
  const error = await gateFailure();
  const told: Event[] = world.events;
  expect(JSON.stringify([told, error.message, error.evidence, error.hint])).not.toContain('PRIVATE KEY');
});
