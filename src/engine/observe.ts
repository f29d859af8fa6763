import { KNOWN_PROGRAMS, LEFTOVERS } from '../catalog/requirements.ts';
import { KbinError } from '../errors.ts';
import type { Facts, HostFacts, Unreachable } from '../model/facts.ts';
import { hostsWith, type HostName } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import type { ObserveInput } from '../remote/observe.ts';
import { askAgain } from './askAgain.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';

function pathsOf(resource: Resource): string[] {
  switch (resource.kind) {
    case 'directory':
    case 'file':
    case 'host-program':
      return [resource.path];
    case 'pair':
      return [resource.path, `${resource.path}/tls.crt`, `${resource.path}/tls.key`];
    case 'binary':
      return [resource.link];
    default:
      return [];
  }
}

/** What the observe script has to look at, so that the planner can compare every resource. */
export function observeInput(resources: readonly Resource[], binDir: string, deep: boolean): ObserveInput {
  const kernels = resources.filter((resource) => resource.kind === 'kernel');
  return {
    paths: [...new Set(resources.flatMap(pathsOf))],
    certificates: resources.flatMap((resource) => (resource.kind === 'renewed' ? [resource.path] : [])),
    immutable: resources.flatMap((resource) => (resource.kind === 'binary' ? [resource.path] : [])),
    units: resources.flatMap((resource) => (resource.kind === 'unit' ? [resource.name] : [])),
    sysctls: kernels.flatMap((kernel) => Object.keys(kernel.sysctls)),
    modules: kernels.flatMap((kernel) => kernel.modules),
    users: resources.flatMap((resource) => (resource.kind === 'user' ? [resource.name] : [])),
    programs: [...KNOWN_PROGRAMS],
    images: resources.some((resource) => resource.kind === 'image'),
    leftovers: [...LEFTOVERS],
    deep,
    binDir,
  };
}

/** Facts of one host: one exec. Observing changes nothing, so a lost connection is simply tried once more. */
export async function observeHost(engine: Engine, host: HostName, deep = false): Promise<HostFacts> {
  const input = observeInput(engine.desired.hosts[host] ?? [], engine.inventory.binDir, deep);
  return askAgain(() => engine.world.host(host).observe(input));
}

function unreachable(error: unknown): Unreachable {
  if (!(error instanceof KbinError)) {
    return { code: 'BUG', message: error instanceof Error ? error.message : String(error), evidence: [] };
  }
  const { code, message, hint, evidence } = error;
  return { code, message, evidence, ...(hint === undefined ? {} : { hint }) };
}

export async function observeLocal(engine: Engine): Promise<Facts['local']> {
  const [certificates, encryption, clusterId, cache] = await Promise.all([
    engine.pki.list(),
    engine.pki.encryption(),
    engine.pki.clusterId(),
    engine.cache.list(),
  ]);
  return { certificates, clusterId, cache, ...(encryption === null ? {} : { encryption }) };
}

/** Everything the planner needs, of all hosts at once. A host that cannot be reached is a fact too. */
export async function observe(engine: Engine, deep = false): Promise<Facts> {
  const names = engine.inventory.hosts.map((host) => host.name);
  const looking = fanOut(names, engine.parallel, async (host) => {
    engine.emit({ type: 'host', host, state: 'connecting', at: engine.clock.now() });
    const facts = await observeHost(engine, host, deep);
    engine.emit({ type: 'host', host, state: 'observed', at: engine.clock.now() });
    return facts;
  });
  // Side by side and awaited as one: a damaged store must not fail while nobody listens.
  const [local, answers] = await Promise.all([observeLocal(engine), looking]);
  const facts: Facts = {
    observedAt: engine.clock.now(),
    local,
    hosts: {},
    unreachable: {},
    api: null,
  };
  answers.forEach((answer, index) => {
    const host = names[index] ?? '';
    if (answer.ok) facts.hosts[host] = answer.value;
    else {
      facts.unreachable[host] = unreachable(answer.error);
      engine.emit({
        type: 'host',
        host,
        state: 'failed',
        message: unreachable(answer.error).message,
        at: engine.clock.now(),
      });
    }
  });
  const [api, etcdLeader] = await Promise.all([observeApiWhenThere(engine, facts), leaderWhenThere(engine, facts)]);
  return { ...facts, api, ...(etcdLeader === undefined ? {} : { etcdLeader }) };
}

const runs = (facts: Facts, host: HostName, unit: string): boolean =>
  facts.hosts[host]?.units[unit]?.active === 'active';

async function leaderWhenThere({ inventory, world }: Engine, facts: Facts): Promise<HostName | undefined> {
  const members = hostsWith(inventory, 'etcd').map(({ name }) => name);
  const running = members.filter((host) => runs(facts, host, 'etcd.service'));
  const canAsk = facts.local.certificates['etcd-healthcheck-client'] !== undefined;
  return running.length > 1 && canAsk ? world.etcdLeader(running) : undefined;
}

async function observeApiWhenThere(engine: Engine, facts: Facts): Promise<Facts['api']> {
  const serving = hostsWith(engine.inventory, 'control-plane')
    .map(({ name }) => name)
    .filter((host) => runs(facts, host, 'kube-apiserver.service'));
  if (serving.length === 0 || facts.local.certificates['admin'] === undefined) return null;
  return engine.world.observeApi(serving);
}
