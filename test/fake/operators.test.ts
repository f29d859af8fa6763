import { beforeEach, expect, test } from '@jest/globals';
import { observe } from '../../src/engine/observe.ts';
import { execute, prepare } from '../../src/engine/deploy.ts';
import { ClusterLock } from '../../src/engine/lock.ts';
import { resetHosts } from '../../src/engine/reset.ts';
import { EXIT_CODES, KbinError } from '../../src/errors.ts';
import { planText } from '../../src/plan/file.ts';
import { turn } from './clock.ts';
import { APISERVER } from './cluster.ts';
import { unconverged } from './converged.ts';
import { file } from './disk.ts';
import { aftermath, mend } from './faultCase.ts';
import { secretsIn, textsOf } from './invariants.ts';
import { POISON } from './memoryPki.ts';
import { INVENTORIES, Site, type Outcome } from './site.ts';

const LIMIT = 240_000;
const LOOKS = ['observe', 'look'];

let site: Site;
beforeEach(() => {
  site = new Site(INVENTORIES.stacked);
});

const deployed = async (text: string = INVENTORIES.stacked): Promise<Site> => {
  site = new Site(text);
  expect((await site.deploy()).exitCode).toBe(0);
  return site;
};

/** Operations beyond looking since the one with this number. */
const changesSince = (number: number): string[] =>
  site.world.operations
    .slice(number)
    .filter(({ verb }) => !LOOKS.includes(verb))
    .map(({ verb, on }) => `${verb} ${on}`);

const messageOf = ({ error }: Outcome): string => (error as Error).message;

test('the second of two operators is told who holds the lock, from where and since when', async () => {
  const [first, second] = await Promise.all([site.deploy({ who: 'ada' }), site.deploy({ who: 'bob' })]);
  expect(first.exitCode).toBe(0);
  expect(second.exitCode).toBe(EXIT_CODES.LOCKED);
  expect(messageOf(second)).toBe(
    'cluster prod is locked on cp-1 by ada from ada-laptop since 2026-05-01T08:00:00.000Z',
  );
  expect((second.error as KbinError).hint).toMatch(/lease ends in \d+ s/);
  expect(await unconverged(site)).toEqual([]);
});

test('a run that takes longer than a lease keeps its lock', async () => {
  let second: Outcome | undefined;
  site.world.conductor.beforeEach = async ({ verb }, { run }) => {
    if (run !== 'run-1' || verb !== 'apply' || second !== undefined) return;
    second = {} as Outcome;
    for (let time = 0; time < 300; time += 10) {
      site.world.clock.advance(10_000);
      await turn();
    }
    second = await site.deploy({ who: 'bob' });
  };
  expect((await site.deploy()).exitCode).toBe(0);
  expect(second?.exitCode).toBe(EXIT_CODES.LOCKED);
});

test(
  'an operator who slept through the lease is fenced, wherever it fell asleep',
  async () => {
    await site.deploy();
    const operations = [...site.world.operations];
    const problems: string[] = [];
    for (const { number, verb, on } of operations.filter(({ verb }) => verb === 'apply' || verb === 'gate')) {
      const other = new Site(INVENTORIES.stacked);
      const { world } = other;
      let second: Outcome | undefined;
      let since = 0;
      let asleep: Promise<void> | undefined;
      const sleep = async (): Promise<void> => {
        // What runs on the hosts comes to its end without the laptop.
        for (let turns = 0; turns < 100; turns += 1) await turn();
        world.clock.sleep(100_000);
        second = await other.deploy({ who: 'bob' });
        since = world.operations.length;
      };
      world.conductor.beforeEach = async (operation, { run }) => {
        if (operation.number === number) asleep = sleep();
        if (run === 'run-1') await asleep;
      };
      const first = await other.deploy({ who: 'ada' });
      // What it may still do is ask: for gates, and for a lock that it no longer has.
      const writes = world.operations
        .slice(since)
        .filter(({ verb: what, pieces }) => ['upload', 'object'].includes(what) && pieces > 0);
      const where = `asleep before operation ${number} (${verb} on ${on})`;
      if (second?.exitCode !== 0)
        problems.push(`${where}: the second exits ${second?.exitCode} ${String(second?.error)}`);
      if (first.exitCode !== EXIT_CODES.STALE && writes.length > 0) problems.push(`${where}: ${String(first.error)}`);
      problems.push(...(await aftermath(other)).map((what) => `${where}: ${what}`), ...world.broken);
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

test('before the API is written to, which fences nobody, the hosts are asked whether the lock is still held', async () => {
  const all = new Set(['cp-1', 'cp-2', 'cp-3']);
  const slow = await ClusterLock.acquire(site.engine({ who: 'ada' }).engine, all);
  await expect(slow.assertStillHeld()).resolves.toBeUndefined();
  site.world.clock.sleep(100_000);
  const next = await ClusterLock.acquire(site.engine({ who: 'bob' }).engine, all);
  expect(next.token).toBeGreaterThan(slow.token);
  expect(() => slow.assertHeld()).not.toThrow();
  await expect(slow.assertStillHeld()).rejects.toMatchObject({ code: 'STALE' });
  expect(() => slow.assertHeld()).toThrow('taken over');
  await slow.release();
  await expect(next.assertStillHeld()).resolves.toBeUndefined();
  await next.release();
});

test('the machines of one cluster are refused to another, and nothing is sent to them', async () => {
  await deployed();
  const before = site.world.operations.length;
  const own = new Map(site.certificates.kept);
  site.rewrite(site.text.replace('name: prod', 'name: other'));
  site.certificates.kept.clear();
  expect(await site.deploy()).toMatchObject({ exitCode: EXIT_CODES.REFUSED });
  site.certificates.kept.set('ca', {
    ...own.get('ca')!,
    stored: { ...own.get('ca')!.stored, spkiSha256: 'f'.repeat(64) },
  });
  const outcome = await site.deploy();
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([
    EXIT_CODES.REFUSED,
    expect.stringMatching(/cp-1 belongs to another cluster: prod \([0-9a-f]{16}\), this one is .*ffffffffffffffff/),
  ]);
  expect(changesSince(before)).toEqual([]);
});

test('without the certificate store a live cluster is refused, and the store stays empty', async () => {
  await deployed();
  const before = site.world.operations.length;
  site.certificates.kept.clear();
  const outcome = await site.deploy();
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([
    EXIT_CODES.REFUSED,
    expect.stringContaining('but the certificate store here has no CA'),
  ]);
  expect([...site.certificates.kept]).toEqual([]);
  expect(changesSince(before)).toEqual([]);
});

test('a damaged certificate store ends the run with its own exit code', async () => {
  site.certificates.isDamaged = true;
  let unheard: unknown;
  const listen = (error: unknown): void => {
    unheard = error;
  };
  process.on('unhandledRejection', listen);
  site.world.conductor.beforeEach = async () => {
    for (let turns = 0; turns < 5; turns += 1) await turn();
  };
  const outcome = await site.deploy();
  process.off('unhandledRejection', listen);
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([EXIT_CODES.PKI, 'ca.key does not belong to ca.crt']);
  // Node ends a process whose rejection nobody hears.
  expect(unheard).toBeUndefined();
  expect(changesSince(0)).toEqual([]);
});

test('etcd without a quorum starts no kube-apiserver; healed, the same command finishes', async () => {
  site.world.cluster.walled.add('cp-2').add('cp-3');
  const outcome = await site.deploy();
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([EXIT_CODES.GATE, 'etcd did not pass, after 90 s']);
  expect((outcome.error as KbinError).evidence).toHaveLength(3);
  for (const { systemd, disk } of site.world.machines) {
    expect(systemd.states.get(APISERVER)?.ranWith.size ?? 0).toBe(0);
    expect(disk.at(`/etc/systemd/system/${APISERVER}`)).toBeUndefined();
    expect(systemd.fact('etcd.service').active).toBe('activating');
  }
  site.world.cluster.walled.clear();
  expect(await aftermath(site)).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test('a reviewed plan is executed; one that is out of date is refused and changes nothing', async () => {
  await deployed();
  const kubelet = '/etc/kubernetes/kubelet.yaml';
  const { disk } = site.world.machine('cp-2');
  disk.put(kubelet, file('by hand'));
  const reviewed = planText((await site.plan()).plan);
  const before = site.world.operations.length;

  disk.put(kubelet, file('by hand, again'));
  const drifted = await site.deploy({ plan: reviewed });
  expect([drifted.exitCode, (drifted.error as KbinError).evidence]).toEqual([
    EXIT_CODES.DRIFT,
    [`now also: cp-2/file:${kubelet}`],
  ]);
  site.rewrite(`${site.text}components: { kubelet: { args: { v: '2' } } }\n`);
  expect(await site.deploy({ plan: reviewed })).toMatchObject({ exitCode: EXIT_CODES.STALE });
  expect(changesSince(before)).toEqual([]);

  site.rewrite(INVENTORIES.stacked);
  disk.put(kubelet, file('by hand'));
  expect(await site.deploy({ plan: reviewed })).toMatchObject({ exitCode: 0 });
  expect(await unconverged(site)).toEqual([]);
});

test('a file that changes between looking and writing is not overwritten', async () => {
  await deployed();
  const kubelet = '/etc/kubernetes/kubelet.yaml';
  const { disk } = site.world.machine('cp-2');
  disk.put(kubelet, file('by hand'));
  const outcome = await site.deploy({ beforeExecute: () => disk.put(kubelet, file('by another hand')) });
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([EXIT_CODES.DRIFT, expect.stringContaining(kubelet)]);
  expect(disk.text(kubelet)).toBe('by another hand');
});

test('--limit changes its hosts alone', async () => {
  await deployed();
  const path = '/etc/kubernetes/kubelet.yaml';
  const disks = ['cp-1', 'cp-2', 'cp-3'].map((name) => site.world.machine(name).disk);
  for (const disk of disks) disk.put(path, file('by hand'));
  const before = site.world.operations.length;
  expect((await site.deploy({ limit: ['cp-2'] })).exitCode).toBe(0);
  expect(disks.map((disk) => disk.text(path) === 'by hand')).toEqual([true, false, true]);
  expect(changesSince(before).filter((change) => /^(apply|upload)/.test(change))).toEqual(['apply cp-2']);
  expect(await aftermath(site)).toEqual([]);
});

test('a host that is down from the start stops the run; within --max-fail the others finish, and it is not exit 0', async () => {
  site = new Site(INVENTORIES.dedicated);
  site.world.kill('worker-2');
  expect(await site.deploy()).toMatchObject({ exitCode: EXIT_CODES.CONNECT });
  expect(changesSince(0)).toEqual([]);

  const outcome = await site.deploy({ maxFail: 1 });
  expect([outcome.exitCode, (outcome.error as KbinError).evidence]).toEqual([
    EXIT_CODES.HOSTS,
    [expect.stringContaining('worker-2')],
  ]);
  expect((await unconverged(site)).filter((what) => !what.includes('worker-2'))).toEqual([]);
  expect(changesSince(0).filter((change) => change.endsWith('worker-2'))).toEqual([]);
  // Nothing is left to do elsewhere, and still a host is missing.
  expect(await site.deploy({ maxFail: 1 })).toMatchObject({ exitCode: EXIT_CODES.HOSTS });
  mend(site, outcome);
  expect(await aftermath(site)).toEqual([]);
  expect(site.world.broken).toEqual([]);
});

test(
  'a host that is lost half-way gets nothing more; within --max-fail the others finish',
  async () => {
    const trial = new Site(INVENTORIES.dedicated);
    await trial.deploy();
    const onWorker = trial.world.operations.filter(({ on, verb }) => on === 'worker-2' && verb !== 'observe');
    const problems: string[] = [];
    for (const { number, verb, name, pieces } of onWorker.filter(
      ({ verb }, index) => verb === 'apply' || index % 6 === 0,
    )) {
      for (const maxFail of [0, 1]) {
        const other = new Site(INVENTORIES.dedicated);
        other.world.conductor.fault = { at: number, after: Math.floor(pieces / 2), then: 'dead' };
        const outcome = await other.deploy({ maxFail });
        const where = `lost in operation ${number} (${verb} ${name}), ${maxFail} may fail`;
        if (maxFail === 1 ? outcome.exitCode !== EXIT_CODES.HOSTS : outcome.exitCode === 0) {
          problems.push(`${where}: exit ${outcome.exitCode} ${String(outcome.error)}`);
        }
        if (maxFail === 1) {
          const others = (await unconverged(other)).filter((what) => !what.includes('worker-2'));
          problems.push(...others.map((what) => `${where}: ${what}`));
        }
        mend(other, outcome);
        problems.push(...(await aftermath(other)).map((what) => `${where}: ${what}`), ...other.world.broken);
      }
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

test(
  'a host that dies between its waves is found by a gate and set aside, within --max-fail',
  async () => {
    const trial = new Site(INVENTORIES.dedicated);
    await trial.deploy();
    const problems: string[] = [];
    for (const { number, name } of trial.world.operations.filter(({ verb }) => verb === 'gate')) {
      for (const maxFail of [0, 1]) {
        const other = new Site(INVENTORIES.dedicated);
        other.world.conductor.beforeEach = (operation) => {
          if (operation.number === number) other.world.kill('worker-2');
        };
        const outcome = await other.deploy({ maxFail });
        const where = `dead before the gate of ${name}, ${maxFail} may fail`;
        if (maxFail === 1 ? outcome.exitCode !== EXIT_CODES.HOSTS : outcome.exitCode === 0) {
          problems.push(`${where}: exit ${outcome.exitCode} ${String(outcome.error)}`);
        }
        const others = maxFail === 0 ? [] : (await unconverged(other)).filter((what) => !what.includes('worker-2'));
        other.world.conductor.beforeEach = () => undefined;
        mend(other, outcome);
        const broken = [...others, ...(await aftermath(other)), ...other.world.broken];
        problems.push(...broken.map((what) => `${where}: ${what}`));
      }
    }
    expect(problems).toEqual([]);
  },
  LIMIT,
);

test('a host outside of --limit may be down', async () => {
  site = new Site(INVENTORIES.dedicated);
  expect((await site.deploy()).exitCode).toBe(0);
  site.world.machine('worker-1').disk.put('/etc/kubernetes/kubelet.yaml', file('by hand'));
  site.world.kill('worker-2');
  expect((await site.deploy({ limit: ['worker-1'] })).exitCode).toBe(0);
  expect((await site.deploy({ limit: ['worker-1', 'worker-2'] })).exitCode).toBe(EXIT_CODES.CONNECT);
});

test('two lost hosts are more than one', async () => {
  site = new Site(INVENTORIES.dedicated);
  site.world.kill('worker-1');
  site.world.kill('worker-2');
  const outcome = await site.deploy({ maxFail: 1 });
  expect([outcome.exitCode, messageOf(outcome)]).toEqual([
    EXIT_CODES.CONNECT,
    '2 hosts cannot be observed, 1 may fail',
  ]);
});

test('etcd is formed with every member or not at all, whatever may fail', async () => {
  site.world.kill('cp-3');
  const refused = await site.deploy({ maxFail: 1 });
  expect([refused.exitCode, messageOf(refused)]).toEqual([
    EXIT_CODES.REFUSED,
    'etcd is formed with every member or not at all, and cp-3 failed',
  ]);
  expect(changesSince(0)).toEqual([]);
  mend(site, refused);

  const trial = new Site(INVENTORIES.stacked);
  await trial.deploy();
  const before = trial.world.operations.filter(({ on, verb }) => on === 'cp-3' && verb === 'apply').slice(0, 3);
  expect(before.map(({ name }) => name)).toEqual(['owned', 'host', 'etcd']);
  for (const { number } of before) {
    site = new Site(INVENTORIES.stacked);
    site.world.conductor.fault = { at: number, after: 2, then: 'dead' };
    const stopped = await site.deploy({ maxFail: 1 });
    expect(stopped.exitCode).toBe(EXIT_CODES.HOSTS);
    expect(site.world.machines.filter(({ systemd }) => systemd.isAlive(APISERVER))).toEqual([]);
    mend(site, stopped);
    expect(await aftermath(site)).toEqual([]);
    expect(site.world.broken).toEqual([]);
  }
});

test('a control plane that dies after it was observed does not keep the others from being locked', async () => {
  await deployed();
  site.rewrite(`${site.text}components: { kubelet: { config: { maxPods: 200 } } }\n`);
  const acquire = site.world.operations.length + 3 + 1 + 3;
  site.world.conductor.fault = { at: acquire, after: 0, then: 'dead' };
  const outcome = await site.deploy({ maxFail: 1 });
  expect(site.world.operations[acquire - 1]).toMatchObject({ verb: 'acquire', on: 'cp-3' });
  expect([outcome.exitCode, outcome.error]).toEqual([EXIT_CODES.HOSTS, expect.anything()]);
  expect((await unconverged(site)).filter((what) => !what.includes('cp-3'))).toEqual([]);
  mend(site, outcome);
  expect(await aftermath(site)).toEqual([]);
});

test('fewer than most of the control planes are not enough for the lock', async () => {
  await deployed();
  site.rewrite(`${site.text}components: { kubelet: { config: { maxPods: 200 } } }\n`);
  site.world.kill('cp-1');
  site.world.kill('cp-2');
  const before = site.world.operations.length;
  expect(await site.deploy({ maxFail: 2 })).toMatchObject({ exitCode: EXIT_CODES.REFUSED });
  expect(changesSince(before)).toEqual([]);
});

test('a cache that lost what was planned stops the run before anything is sent', async () => {
  const { engine } = site.engine();
  const prepared = await prepare(engine, { maxFail: 0 });
  engine.cache.find = async () => undefined;
  await expect(execute(engine, prepared, { maxFail: 0 })).rejects.toMatchObject({ code: 'CACHE' });
  expect(changesSince(0)).toEqual(expect.not.arrayContaining([expect.stringMatching(/^(apply|upload|issue)/)]));
  expect(await aftermath(site)).toEqual([]);
});

test('interrupted, it finishes what is under way and gives the lock back; the next run goes on', async () => {
  for (const phase of ['host', 'etcd', 'controllers', 'node']) {
    const other = new Site(INVENTORIES.stacked);
    const operator = new AbortController();
    other.world.conductor.beforeEach = ({ verb, name }) => {
      if (verb === 'apply' && name === phase) operator.abort();
    };
    const outcome = await other.deploy({ signal: operator.signal });
    expect([phase, outcome.exitCode]).toEqual([phase, EXIT_CODES.INTERRUPTED]);
    expect(outcome.events.filter((event) => event.type === 'apply' && event.state === 'failed')).toEqual([]);
    other.world.conductor.beforeEach = () => undefined;
    expect(await aftermath(other)).toEqual([]);
    expect(other.world.broken).toEqual([]);
  }
});

test('programs that are linked elsewhere than in /usr/local/bin work as well', async () => {
  site = new Site(`${INVENTORIES.single}binDir: /opt/bin\n`);
  expect(await aftermath(site)).toEqual([]);
});

test('a reset leaves the machines as they were, and they can be deployed to again', async () => {
  const bare = site.world.machines.map(({ disk }) => [...disk.entries.keys()].sort());
  await site.deploy();
  const { engine } = site.engine();
  const facts = await observe(engine);
  expect(await resetHosts(engine, facts, Object.keys(facts.hosts))).toEqual(new Map());
  const written = site.world.machines.map(({ disk }, index) =>
    [...disk.entries.keys()].filter((path) => !bare[index]!.includes(path)),
  );
  // Directories that others may use stay when they are not empty; these were made on the way to others.
  expect(new Set(written.flat())).toEqual(new Set(['/opt/cni', '/etc/cni']));
  site.world.cluster.voters.clear();
  expect(await aftermath(site)).toEqual([]);
});

test('killed while it sends programs, kbin leaves nothing that a reset does not find', async () => {
  const trial = new Site(INVENTORIES.single);
  await trial.deploy();
  const early = trial.world.operations.filter(({ verb, name }) => verb === 'upload' || name === 'owned');
  expect(early.length).toBeGreaterThan(10);
  for (const { number, name } of early) {
    for (const after of [0, 1, Infinity]) {
      const own = new Site(INVENTORIES.single);
      own.world.conductor.fault = { at: number, after, then: 'killed' };
      mend(own, await own.deploy());
      const { engine } = own.engine();
      const facts = await observe(engine);
      await resetHosts(engine, facts, facts.hosts['solo']?.owned === null ? [] : ['solo']);
      const left = [...own.world.machine('solo').disk.entries.keys()].filter(
        (path) => !own.bare.get('solo')!.has(path),
      );
      expect([name, after, left]).toEqual([name, after, []]);
    }
  }
});

test('programs are sent when the host knows of them: one more exec on a bare host, none on one that knows', async () => {
  const applies = (since: number): string[] =>
    site.world.operations.slice(since).flatMap(({ verb, on, name }) => (name === 'owned' ? [`${verb} ${on}`] : []));
  await site.deploy();
  expect(applies(0)).toEqual(['apply cp-1', 'apply cp-2', 'apply cp-3']);
  // Ahead of its first upload, which the world watches over, on each host.
  expect(site.world.broken).toEqual([]);
  const before = site.world.operations.length;
  const { disk } = site.world.machine('cp-2');
  for (const path of disk.below('/opt/kbin/etcd')) disk.remove(path);
  site.rewrite(`${site.text}components: { kubelet: { config: { maxPods: 200 } } }\n`);
  const outcome = await site.deploy();
  expect([outcome.exitCode, applies(before)]).toEqual([0, []]);
  expect(changesSince(before).filter((change) => change.startsWith('upload'))).not.toEqual([]);
  expect(await aftermath(site)).toEqual([]);
});

test('however late a host knows of the programs, no wave writes its list before that', async () => {
  const happened: string[] = [];
  site.world.conductor.beforeEach = async ({ on, name }) => {
    if (name === 'host') happened.push(`${on}: wave begins`);
    if (name !== 'owned') return;
    for (let turns = 0; turns < 200; turns += 1) await turn();
  };
  site.world.conductor.afterEach = ({ on, name }) => {
    if (name === 'owned') happened.push(`${on}: knows`);
  };
  expect((await site.deploy()).exitCode).toBe(0);
  for (const host of ['cp-1', 'cp-2', 'cp-3']) {
    const own = happened.filter((what) => what.startsWith(host));
    expect(own).toEqual([`${host}: knows`, `${host}: wave begins`]);
  }
});

test('secrets are where they belong and nowhere else, and a leak would be seen', async () => {
  const outcome = await site.deploy();
  expect(site.certificates.kept.get('ca')?.keyPem).toContain(POISON);
  expect(site.world.machine('cp-1').disk.text('/etc/kubernetes/pki/sa.key')).toContain(POISON);
  expect(site.inventory.hosts[0]?.ssh.password?.reveal()).toContain(POISON);
  expect(secretsIn(textsOf(site, outcome))).toEqual([]);
  expect(secretsIn([...textsOf(site, outcome), `key ${POISON}`])).toHaveLength(1);
});
