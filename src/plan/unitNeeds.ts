import { unitStamp } from '../model/digest.ts';
import type { Facts } from '../model/facts.ts';
import type { Action, UnitInputs } from '../model/plan.ts';
import type { Resource, Unit } from '../model/resource.ts';
import { renewedNeeds } from './resourceNeeds.ts';
import { digestOf, type HostInput, type Need } from './need.ts';

function unitInputs(unit: Unit, input: HostInput): UnitInputs {
  const byId = new Map(input.resources.map((resource) => [resource.id, resource]));
  return Object.fromEntries(
    unit.restartsOn.map((id) => {
      const resource = byId.get(id);
      if (resource === undefined) throw new Error(`${unit.name} restarts on ${id}, which ${input.host} does not have`);
      return [id, digestOf(resource, input.local, input.issued)];
    }),
  );
}

/**
 * Inputs of a unit step with the digests that were unknown when it was planned, now that the certificates exist.
 * @throws Error when one is still unknown: a unit would be stamped with less than it was started with.
 */
export function resolvedInputs(
  inputs: UnitInputs,
  resources: readonly Resource[],
  local: Facts['local'],
): Record<string, string> {
  const byId = new Map(resources.map((resource) => [resource.id, resource]));
  return Object.fromEntries(
    Object.entries(inputs).map(([id, digest]) => {
      const resource = byId.get(id);
      const known = digest ?? (resource === undefined ? null : digestOf(resource, local, new Set()));
      if (known === null) throw new Error(`the content of ${id} is not known yet`);
      return [id, known];
    }),
  );
}

const isKnown = (inputs: UnitInputs): inputs is Record<string, string> => !Object.values(inputs).includes(null);

/** Whether the host holds something else than the content of the resource. A mode or an owner is no difference. */
function isOther(resource: Resource, { facts: { paths }, local, issued }: HostInput): boolean {
  switch (resource.kind) {
    case 'file':
      return paths[resource.path]?.sha256 !== digestOf(resource, local, issued);
    case 'pair':
      return paths[`${resource.path}/tls.crt`]?.sha256 !== digestOf(resource, local, issued);
    case 'binary':
      return (
        paths[resource.path]?.sha256 !== digestOf(resource, local, issued) ||
        paths[resource.link]?.target !== resource.path
      );
    default:
      return false;
  }
}

/** Inputs of the unit that are not on the host as they should be, although it was started with them. */
const putRight = (unit: Unit, input: HostInput): Resource[] =>
  input.resources.filter((resource) => unit.restartsOn.includes(resource.id) && isOther(resource, input));

/** Whether it runs with something else only of what it reads again. */
function isReloadEnough({ reloadsOn = [] }: Unit, inputs: UnitInputs, stamp: string): boolean {
  if (reloadsOn.length === 0) return false;
  const others = Object.fromEntries(Object.entries(inputs).filter(([id]) => !reloadsOn.includes(id)));
  return isKnown(others) && stamp.split(' ')[0] === unitStamp(others);
}

const isTakenFrom = (unit: Unit, input: HostInput): boolean =>
  input.resources.some(
    (other) => other.kind === 'renewed' && other.unit === unit.name && renewedNeeds(other, input).length > 0,
  );

const isDown = ({ active }: { active: string }): boolean => active === 'inactive' || active === 'failed';

export function unitNeeds(unit: Unit, input: HostInput): Need[] {
  const fact = input.facts.units[unit.name];
  const inputs = unitInputs(unit, input);
  const active = fact?.active === 'active';
  const enable = fact?.enabled !== true;
  const action = (verb: 'start' | 'restart' | 'reload'): Action => ({
    do: 'unit',
    unit: unit.name,
    verb,
    // A queued restart goes on answering for a while: the gate would take the old process for the new one.
    start: active ? 'ready' : unit.start,
    enable,
    inputs,
  });
  if (fact?.startedWith === undefined) return [{ why: 'never started by kbin', action: action('restart') }];
  if (!isKnown(inputs) || unitStamp(inputs, unit.reloadsOn) !== fact.startedWith) {
    const verb = active && isReloadEnough(unit, inputs, fact.startedWith) ? 'reload' : 'restart';
    return [{ why: 'what it runs with changed', action: action(verb) }];
  }
  // It goes on with what it has in memory until it begins anew.
  if (isTakenFrom(unit, input)) return [{ why: 'its own certificate is taken away', action: action('restart') }];
  // Whoever edited a file by hand may have restarted the unit as well: then it runs, or is starting, with what is put
  // right now, and `start` would leave it so.
  const others = putRight(unit, input);
  if (!isDown(fact) && others.length > 0) {
    const verb = active && others.every(({ id }) => unit.reloadsOn?.includes(id) === true) ? 'reload' : 'restart';
    return [{ why: 'what it runs with is put right', action: action(verb) }];
  }
  if (!active) return [{ why: `is ${fact.active}`, action: action('start') }];
  return enable ? [{ why: 'is not enabled', action: { do: 'enable', unit: unit.name } }] : [];
}
