import type { Command } from './command.ts';

/**
 * A command by its words. Its module is loaded only when it is wanted: to load all commands takes longer than most of
 * them run.
 */
export interface Entry {
  /** Those of its usage before the positionals: `cache import`. */
  words: string;
  load: () => Promise<Command>;
}

export async function loadAll(entries: readonly Entry[]): Promise<Command[]> {
  const commands: Command[] = [];
  // One after another: they share nearly all of what they load, and Jest cannot link that twice at once.
  for (const { load } of entries) commands.push(await load());
  return commands;
}

const firstOf = ({ words }: Entry): string | undefined => words.split(' ')[0];

/**
 * The commands that a command line can mean, in the order of the entries: the one that it begins with, or those with
 * its first word, or all. Nothing is loaded for the version.
 */
export async function loadMeant(entries: readonly Entry[], line: readonly string[]): Promise<Command[]> {
  const [first, second] = line;
  if (first === '--version') return [];
  const same = entries.filter((entry) => firstOf(entry) === first);
  const one = same.filter(({ words }) => words === `${first ?? ''} ${second ?? ''}`);
  return loadAll([one, same, entries].find((some) => some.length > 0) ?? []);
}
