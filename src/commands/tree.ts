import type { Command } from './command.ts';

/** Commands that share their first word: one of the bare word, some of two words, or both. */
export interface Branch {
  word: string;
  /** What the bare word does; absent where a second word must follow. */
  own?: Command;
  /** By their second word. */
  members: ReadonlyMap<string, Command>;
}

const isPositional = (word: string): boolean => /^[<[]/.test(word);
const parts = ({ usage }: Command): string[] => usage.split(' ');

/** The words before the positionals. */
export const wordsOf = (command: Command): string[] => parts(command).filter((part) => !isPositional(part));

/** Names of the positionals, such as `folder` of `cache import <folder>`. */
export const positionalsOf = (command: Command): string[] =>
  parts(command)
    .filter(isPositional)
    .map((part) => part.replace(/[<>[\].]/g, ''));

/** Commands by their first word, in the order of the first of each. */
export function branchesOf(commands: readonly Command[]): Branch[] {
  const firsts = [...new Set(commands.map((command) => wordsOf(command)[0] ?? ''))];
  return firsts.map((word) => {
    const mine = commands.filter((command) => wordsOf(command)[0] === word);
    const own = mine.find((command) => wordsOf(command).length === 1);
    const members = mine.flatMap((command) => {
      const [, second] = wordsOf(command);
      return second === undefined ? [] : [[second, command] as const];
    });
    return { word, ...(own === undefined ? {} : { own }), members: new Map(members) };
  });
}
