import { KbinError } from '../errors.ts';
import type { ComponentName, Json, JsonObject } from '../model/inventory.ts';
import { overrideOf, type Context } from './context.ts';

/** Flags without dashes; a list repeats the flag, `null` leaves it out. */
export type Flags = Readonly<Record<string, string | readonly string[] | null>>;

function scalarText(component: ComponentName, key: string, value: Json): string {
  if (typeof value === 'object') {
    throw new KbinError('INVENTORY', `components.${component}.config.${key}: a flag cannot hold an object`, {
      hint: `${component} is configured by flags: write a string, number, boolean or a list of these.`,
    });
  }
  return String(value);
}

/** Configuration of a program that takes flags only: keys are flag names, a list is joined by commas. */
function flagsOfConfig(component: ComponentName, config: JsonObject): Flags {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (value === null) return [key, null];
      const values = Array.isArray(value) ? value : [value];
      return [key, values.map((one) => scalarText(component, key, one)).join(',')];
    }),
  );
}

function checkNames(component: ComponentName, flags: Flags): void {
  const wrong = Object.keys(flags).find((name) => !/^[A-Za-z0-9][\w.-]*$/.test(name));
  if (wrong === undefined) return;
  throw new KbinError('INVENTORY', `components.${component}: "${wrong}" is no name of a flag`, {
    hint: 'Write it without dashes in front and without "=".',
  });
}

/**
 * Programs without a configuration file, or that ignore their flags when they have one (etcd): `config` of the inventory
 * means flags too.
 */
const FLAGS_ONLY: readonly ComponentName[] = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

/**
 * kbin's flags of a component with the inventory's changes; `args` wins over `config`.
 * @throws KbinError INVENTORY for names that are none and values that a flag cannot hold.
 */
export function flagsOf(context: Context, component: ComponentName, base: Flags): Flags {
  const { args, config } = overrideOf(context, component);
  const configured = FLAGS_ONLY.includes(component) ? flagsOfConfig(component, config) : {};
  const flags = { ...base, ...configured, ...args };
  checkNames(component, flags);
  return flags;
}

/** `--name=value` words, by name. */
export function flagWords(flags: Flags): string[] {
  return Object.entries(flags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      const values = value === null ? [] : typeof value === 'string' ? [value] : value;
      return values.map((one) => `--${name}=${one}`);
    });
}
