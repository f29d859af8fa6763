import { pathIn, type Trouble, type World } from './world.ts';

/** Text of a file that the inventory names; empty in a world without files (see parseInventory). */
export function textInFile(world: World, file: string): string | Trouble {
  const path = pathIn(world, file);
  if (typeof path !== 'string') return path;
  const read = world.readSecret(path);
  return 'reason' in read ? { message: `${read.reason}.`, fix: 'Write that file, or name another one.' } : read.text;
}
