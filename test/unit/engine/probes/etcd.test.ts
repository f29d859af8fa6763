import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { etcd } from '../../../../src/engine/probes/etcd.ts';
import { verdicts, type MemberState } from '../../../../src/engine/probes/etcdVerdict.ts';
import type { HostName, Json, JsonObject } from '../../../../src/model/inventory.ts';
import { host, inventory } from '../../desired/inventories.ts';
import { makeCertificates } from './certificates.ts';
import { World, type Asked, type Handler, type Said } from './world.ts';

const certificates = makeCertificates();
const HOSTS = ['cp-1', 'cp-2', 'cp-3'];
const site = inventory(HOSTS.map((name, index) => host(name, `10.0.0.${index + 1}`)));
let world: World;
beforeEach(() => {
  world = new World(certificates);
});
afterEach(() => world.close());

const MEMBERS: JsonObject[] = HOSTS.map((name, index) => ({ ID: String(9000 + index), name }));
const OK_READYZ = '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n';

interface Member {
  status: JsonObject;
  alarms: Json[];
  members: JsonObject[];
  health: Said;
  readyz: Said;
}

/** As etcd 3.6 answers: 64-bit numbers are texts, zero and false fields are absent. */
const healthy = (index: number): Member => ({
  status: {
    header: { cluster_id: '777', member_id: String(9000 + index), revision: '5', raft_term: '2' },
    version: '3.6.16',
    dbSize: '8032256',
    leader: '9000',
    raftIndex: '91',
    raftTerm: '2',
    raftAppliedIndex: '91',
  },
  alarms: [],
  members: MEMBERS,
  health: { body: { health: 'true', reason: '' } },
  readyz: { body: OK_READYZ },
});

const handlerOf =
  (member: Member): Handler =>
  ({ method, path, body }: Asked) => {
    const header = { cluster_id: '777' };
    const answers: Record<string, Said> = {
      'GET /health': member.health,
      'GET /readyz?verbose': member.readyz,
      'POST /v3/maintenance/status {}': { body: member.status },
      'POST /v3/maintenance/alarm {"action":"GET"}': {
        body: { header, ...(member.alarms.length === 0 ? {} : { alarms: member.alarms }) },
      },
      'POST /v3/cluster/member/list {}': { body: { header, members: member.members } },
    };
    const said = answers[`${method} ${path}${body === null ? '' : ` ${JSON.stringify(body)}`}`];
    if (said === undefined) throw new Error(`etcd was asked ${method} ${path} ${JSON.stringify(body)}`);
    return said;
  };

type Changes = Partial<Record<HostName, Partial<Member>>>;

async function startEtcd(changes: Changes = {}): Promise<void> {
  for (const [index, name] of HOSTS.entries()) {
    const member = { ...healthy(index), ...changes[name] };
    await world.listen(name, 2379, handlerOf(member), { tls: { isClientVerified: true } });
    await world.listen(name, 2381, () => member.health, { tls: false });
  }
}

const ask = async (changes: Changes = {}): Promise<Record<HostName, string>> => {
  await startEtcd(changes);
  return texts();
};

async function texts(): Promise<Record<HostName, string>> {
  const answers = await etcd(world.context(site));
  return Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [name, `${answer.ok ? 'ok' : 'no'}: ${answer.text}`]),
  );
}

const status = (index: number, changed: JsonObject): Partial<Member> => ({
  status: { ...healthy(index).status, ...changed },
});

test('passes members that are ready and agree', async () => {
  expect(await ask()).toEqual({ 'cp-1': 'ok: leader', 'cp-2': 'ok: follows cp-1', 'cp-3': 'ok: follows cp-1' });
});

test('asks every poll over the same stream', async () => {
  await ask();
  await texts();
  expect(world.opened).toHaveLength(6);
});

test('finds NOSPACE although readyz and health are green, names the member and the way out', async () => {
  const alarms = [{ memberID: '9001', alarm: 'NOSPACE' }];
  await startEtcd({ 'cp-1': { alarms }, 'cp-2': { alarms }, 'cp-3': { alarms } });
  const answers = await etcd(world.context(site));
  expect(answers['cp-1']).toMatchObject({ ok: false, text: 'alarm NOSPACE of cp-2' });
  expect(answers['cp-1']?.hint).toMatch(/compact.*defragment.*disarm/);
});

test('tells an alarm that health names', async () => {
  const health = { status: 503, body: { health: 'false', reason: 'ALARM CORRUPT' } };
  expect((await ask({ 'cp-2': { health } }))['cp-2']).toBe('no: alarm CORRUPT');
});

test('one alarm on one member keeps all need:all gates shut, also with status errors only', async () => {
  const errors = ['memberID:9000 alarm:NOSPACE '];
  expect((await ask({ 'cp-1': status(0, { errors }) }))['cp-1']).toBe('no: memberID:9000 alarm:NOSPACE ');
});

test('tells a missing leader from the metrics port when the client port is not served yet', async () => {
  await startEtcd({ 'cp-2': { health: { status: 503, body: { health: 'false', reason: 'RAFT NO LEADER' } } } });
  world.hang('cp-2', 2379);
  expect((await texts())['cp-2']).toBe('no: no leader');
});

test('the member that sees another leader is the odd one', async () => {
  expect(await ask({ 'cp-3': status(2, { leader: '9002', raftTerm: '3' }) })).toEqual({
    'cp-1': 'ok: leader',
    'cp-2': 'ok: follows cp-1',
    'cp-3': 'no: sees leader cp-3 in term 3, the others cp-1',
  });
});

test('the member of another cluster is the odd one', async () => {
  const header = { cluster_id: '888', member_id: '9001' };
  expect((await ask({ 'cp-2': status(1, { header }) }))['cp-2']).toBe(
    'no: is in another etcd cluster (888, the others in 777)',
  );
});

test('when every member has another view, none is right', async () => {
  const answers = await ask({ 'cp-2': status(1, { raftTerm: '3' }), 'cp-3': status(2, { raftTerm: '4' }) });
  expect(new Set(Object.values(answers))).toEqual(new Set(['no: the members do not agree on a leader and cluster']));
});

const leaderless = Object.fromEntries(Object.entries(healthy(0).status).filter(([name]) => name !== 'leader'));
test.each<[string, Partial<Member>, string]>([
  ['no leader in the status', { status: leaderless }, 'no: no leader'],
  ['leader zero', status(0, { leader: '0' }), 'no: no leader'],
  ['a learner', status(0, { isLearner: true }), 'no: is a learner that was not promoted'],
  ['a member far behind', status(0, { raftIndex: '5000' }), 'no: more than 500 log entries behind'],
  [
    'a member that never joined',
    { members: [...MEMBERS.slice(0, 2), { ID: '9002' }] },
    'no: member 9002 has not joined yet',
  ],
  [
    'a learner in the list',
    { members: [...MEMBERS.slice(0, 2), { ID: '9002', name: 'cp-3', isLearner: true }] },
    'no: cp-3 has not joined yet',
  ],
])('finds %s', async (_, member, text) => {
  expect((await ask({ 'cp-1': member }))['cp-1']).toBe(text);
});

test('compares the members with the inventory', async () => {
  const members = [...MEMBERS, { ID: '9009', name: 'old-1' }];
  expect((await ask({ 'cp-1': { members } }))['cp-1']).toBe(
    'no: the cluster has 4 members (cp-1, cp-2, cp-3, old-1), the inventory 3',
  );
});

test('names the readyz checks that fail', async () => {
  const readyz = { status: 503, body: '[+]serializable_read ok\n[-]linearizable_read failed: timeout\n' };
  expect((await ask({ 'cp-1': { readyz } }))['cp-1']).toBe('no: not ready: linearizable_read');
});

test.each<[string, Partial<Member>, string]>([
  ['a 401', { health: { status: 401, body: '' } }, 'no: 401: it does not accept our certificate'],
  ['a 500', { health: { status: 500, body: 'oops' } }, 'no: /health answers 500'],
  ['another program', { health: { body: '<html>' } }, 'no: /health answers 200'],
  ['an empty status', { status: {} }, 'no: /v3/maintenance/status is not what etcd answers'],
])('does not pass %s', async (_, member, text) => {
  expect((await ask({ 'cp-1': member }))['cp-1']).toBe(text);
});

test('shows no terminal escapes of what a member says', async () => {
  const health = { status: 503, body: { health: 'false', reason: '\u001b[2Jgone' } };
  expect((await ask({ 'cp-1': { health } }))['cp-1']).toBe('no: unhealthy: gone');
});

test('a gateway that refuses says why', async () => {
  await startEtcd();
  const ready = handlerOf(healthy(0));
  await world.listen('cp-1', 2379, (asked) =>
    asked.method === 'POST' ? { status: 400, body: { message: 'auth: user name is empty' } } : ready(asked),
  );
  expect((await texts())['cp-1']).toBe('no: /v3/maintenance/status answers 400: auth: user name is empty');
});

test('hosts that do not answer do not hide the others', async () => {
  await startEtcd();
  world.refuse('cp-2', 2379);
  world.refuse('cp-2', 2381);
  world.lost.add('cp-3');
  expect(await texts()).toEqual({
    'cp-1': 'ok: leader',
    'cp-2': 'no: connection refused on 2379',
    'cp-3': 'no: cp-3: no route to host',
  });
});

test('members of a certificate that is not ours are told apart', async () => {
  await startEtcd();
  await world.listen('cp-1', 2379, () => ({}), { tls: { server: certificates.stranger } });
  expect((await texts())['cp-1']).toBe('no: its certificate is of another authority on 2379');
});

const external = {
  ...site,
  etcd: {
    ...site.etcd,
    external: {
      endpoints: ['https://127.0.0.1:3379', 'https://127.0.0.1:4379'],
      caFile: '',
      certFile: '',
      keyFile: '',
    },
  },
};

test('asks an etcd that is not kbin’s from each control plane, endpoint by endpoint', async () => {
  for (const name of ['cp-1', 'cp-2']) {
    await world.listen(name, 3379, handlerOf(healthy(0)));
    await world.listen(name, 4379, handlerOf(healthy(1)));
  }
  world.refuse('cp-2', 4379);
  const answers = await etcd(world.context(external, ['cp-1', 'cp-2']));
  expect(answers['cp-1']).toEqual({
    ok: true,
    text: 'https://127.0.0.1:3379 leader, https://127.0.0.1:4379 follows cp-1',
  });
  expect(answers['cp-2']).toMatchObject({ ok: false, text: 'https://127.0.0.1:4379 connection refused on 4379' });
});

test('two members of two clusters: neither is believed', () => {
  const state = (clusterId: string): MemberState => ({
    memberId: '1',
    clusterId,
    leader: '1',
    term: '2',
    isLearner: false,
    lag: 0,
    errors: [],
    alarms: [],
    members: [{ id: '1', name: 'a', isLearner: false }],
  });
  const answers = verdicts(
    new Map([
      ['a', state('1')],
      ['b', state('2')],
    ]),
    1,
  );
  expect(Object.values(answers).map((answer) => answer.ok)).toEqual([false, false]);
});
