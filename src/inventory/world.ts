import { join, resolve } from 'node:path';
import { Secret } from '../model/secret.ts';

/** What an inventory needs from outside its own text. */
export interface World {
  environment: Readonly<Record<string, string | undefined>>;
  /** Directory at which relative paths start. */
  folder: string;
  /** What a secret file holds, or why it cannot be read. */
  readSecret: (path: string) => { text: string } | { reason: string };
}

/** Why something cannot be had, as the two sentences of a fault. */
export interface Trouble {
  message: string;
  fix: string;
}

/** What was found; the checks have made sure that there is no trouble, so that it would be a bug. */
export function found<Found>(result: Found): Exclude<Found, Trouble> {
  if (typeof result === 'object' && result !== null && 'message' in result) throw new Error(String(result.message));
  return result as Exclude<Found, Trouble>;
}

/** Absolute path of a path in the inventory, or why there is none. */
export function pathIn(world: World, path: string): string | Trouble {
  if (!path.startsWith('~')) return resolve(world.folder, path);
  if (path !== '~' && !path.startsWith('~/')) {
    return { message: 'the home directory of another user is not looked up.', fix: 'Write the absolute path.' };
  }
  const home = world.environment.HOME;
  if (home === undefined || home === '') {
    return { message: '~ means nothing here, because HOME is not set.', fix: 'Set HOME, or write the absolute path.' };
  }
  return join(home, path.slice(1));
}

/** The secret that an environment variable holds. */
export function secretInVariable(world: World, variable: string): Secret | Trouble {
  const value = world.environment[variable];
  if (value !== undefined && value !== '') return new Secret(value);
  return {
    message: `the environment variable ${variable} is not set.`,
    fix: `Export ${variable} with the secret in it before running kbin.`,
  };
}

/** The secret that a file holds, without the line break at its end. */
export function secretInFile(world: World, file: string): Secret | Trouble {
  const path = pathIn(world, file);
  if (typeof path !== 'string') return path;
  const read = world.readSecret(path);
  if ('reason' in read) {
    return { message: `${read.reason}.`, fix: 'Write the secret into that file, or name another one.' };
  }
  return new Secret(read.text.replace(/\r?\n$/, ''));
}
