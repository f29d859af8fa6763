import { trustedOf } from '../../src/model/pki.ts';
import type { HostName } from '../../src/model/inventory.ts';
import type { Resource, Unit } from '../../src/model/resource.ts';
import { matches } from '../../src/plan/matches.ts';
import type { Entry } from './disk.ts';
import type { Machine } from './machine.ts';
import type { Site } from './site.ts';

const identity = (entry: Entry | undefined): string =>
  entry === undefined ? 'absent' : entry.type === 'file' ? entry.sha256 : entry.type === 'link' ? entry.target : '';

/** What a unit restarts on, where its process was started with something else. */
function staleInputs(machine: Machine, unit: Unit): string[] {
  const ranWith = machine.systemd.states.get(unit.name)?.ranWith ?? new Map<string, Entry>();
  return unit.restartsOn.flatMap((id) => {
    const path = id.slice(id.indexOf(':') + 1);
    const places = [path, machine.disk.real(path) ?? path];
    const stale = places.find((place) => identity(ranWith.get(place)) !== identity(machine.disk.at(place)));
    return stale === undefined ? [] : [`${unit.name} runs with another ${stale}`];
  });
}

/** What is not as the resource says, told without the planner. */
async function faultsOf(site: Site, machine: Machine, resource: Resource): Promise<string[]> {
  const { disk, systemd, users, images, modules, sysctls, swaps } = machine;
  const store = site.certificates.kept;
  const modeOf = (path: string): string => {
    const entry = disk.at(path);
    return entry === undefined || entry.type === 'link' ? String(entry?.type) : `${entry.mode} ${entry.owner}`;
  };
  const unless = (isFine: boolean, what: string): string[] => (isFine ? [] : [what]);
  switch (resource.kind) {
    case 'user':
      return unless(users.has(resource.name), 'is missing');
    case 'directory':
      return unless(modeOf(resource.path) === `${resource.mode} ${resource.owner}`, modeOf(resource.path));
    case 'file': {
      const { body, path, mode, owner } = resource;
      const refs = 'text' in body ? [] : 'secret' in body ? [body.secret] : body.concat;
      const text =
        'text' in body
          ? body.text
          : refs
              .flatMap(({ certificate, part }) =>
                part === 'trusted'
                  ? trustedOf(
                      certificate,
                      Object.fromEntries([...store].map(([name, kept]) => [name, kept.stored])),
                    ).map(({ pem }) => pem)
                  : [store.get(certificate)?.[part === 'key' ? 'keyPem' : 'publicPem']],
              )
              .join('');
      return [
        ...unless(disk.text(path) === text, 'has another content'),
        ...unless(modeOf(path) === `${mode} ${owner}`, modeOf(path)),
      ];
    }
    case 'pair': {
      const kept = store.get(resource.certificate);
      const parts = ['tls.crt', 'tls.key'].map((name) => disk.text(`${resource.path}/${name}`));
      const key = disk.behind(`${resource.path}/tls.key`);
      return [
        ...unless(disk.at(resource.path)?.type === 'link', 'is no link'),
        ...unless(parts[0] === kept?.publicPem && parts[1] === kept?.keyPem, 'is another pair'),
        ...unless(key?.type === 'file' && key.mode === '0600' && key.owner === resource.owner, 'key can be read'),
      ];
    }
    case 'binary':
      return [
        ...unless(modeOf(resource.path).startsWith('0755 '), modeOf(resource.path)),
        ...unless(
          identity(disk.at(resource.link)) === resource.path,
          `link goes to ${identity(disk.at(resource.link))}`,
        ),
      ];
    case 'image':
      return unless(images.has(resource.reference), 'is not imported');
    case 'kernel':
      return [
        ...unless(
          resource.modules.every((name) => modules.has(name)),
          'modules are missing',
        ),
        ...unless(
          Object.entries(resource.sysctls).every(([name, value]) => sysctls.get(name) === value),
          'sysctls differ',
        ),
        ...unless(!resource.swapOff || swaps.length === 0, 'swap is on'),
      ];
    case 'unit': {
      const { active, enabled, startedWith } = systemd.fact(resource.name);
      const isUp = active === 'active' && enabled && startedWith !== undefined;
      return [
        ...unless(isUp, `is ${active}, enabled: ${enabled}, stamp: ${startedWith}`),
        ...staleInputs(machine, resource),
      ];
    }
    case 'host-program':
    case 'renewed':
      return [];
  }
}

async function hostFaults(site: Site, name: HostName): Promise<string[]> {
  const machine = site.world.machine(name);
  const resources = site.desired.hosts[name] ?? [];
  const found = await Promise.all(
    resources.map(async (resource) =>
      (await faultsOf(site, machine, resource)).map((what) => `${resource.id} ${what}`),
    ),
  );
  const isLocked = (machine.lock?.until ?? 0) * 1000 >= site.world.clock.now();
  const locked = isLocked ? [`is locked by ${machine.lock?.run}`] : [];
  const left = [...machine.staged].map((path) => `${path} is left staged`);
  return [...found.flat(), ...locked, ...left].map((what) => `${name}: ${what}`);
}

/** Everything on the machines and in the API that is not as the inventory says; told without the planner. */
export async function unconverged(site: Site): Promise<string[]> {
  const { cluster } = site.world;
  cluster.settle();
  const hosts = await Promise.all(site.inventory.hosts.map(({ name }) => hostFaults(site, name)));
  const objects = site.desired.api
    .filter(({ id, object }) => !matches(object, cluster.objects.get(id) ?? null))
    .map(({ id }) => `api: ${id} differs`);
  const nodes = site.desired.nodes
    .filter(({ host, labels }) => !matches(labels, cluster.nodes.get(host)?.labels ?? null))
    .map(({ host }) => `api: Node ${host} lacks labels`);
  return [...hosts.flat(), ...objects, ...nodes];
}
