#!/usr/bin/env node
import yargs from 'yargs';
import type { Command, Option } from './commands/command.ts';
import { loadMeant } from './commands/entry.ts';
import { ENTRIES } from './commands/index.ts';
import { branchesOf, positionalsOf, type Branch } from './commands/tree.ts';
import { exitCodeOf, KbinError } from './errors.ts';
import { didYouMean } from './inventory/suggest.ts';
import { errorLines } from './ui/error.ts';
import { version } from './version.ts';

interface ParserOption {
  type: Option['type'];
  describe: string;
  alias?: string;
  default?: string | boolean | number;
  demandOption?: boolean;
  choices?: readonly string[];
}

const parserOption = ({ required, ...option }: Option): ParserOption => ({
  ...option,
  ...(required === true ? { demandOption: true } : {}),
});

function fail(error: unknown): void {
  for (const line of errorLines(error)) process.stderr.write(`${line}\n`);
  process.exitCode = exitCodeOf(error);
}

async function runCommand(command: Command, args: Record<string, unknown>): Promise<void> {
  try {
    process.exitCode = await command.run(args);
  } catch (error) {
    fail(error);
  }
}

type Parser = ReturnType<typeof yargs>;

function define(parser: Parser, command: Command, usage: string): Parser {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, option]) => [name, parserOption(option)]),
  );
  return parser.command(
    usage,
    command.describe,
    (own) => {
      // Without a type 1e3 would become the number 1000.
      for (const name of positionalsOf(command)) own.positional(name, { type: 'string' });
      return own.options(options).strict();
    },
    (args) => runCommand(command, args),
  );
}

/** `cache import` and its like become a command with commands of its own; `kubeconfig` does something by itself too. */
function defineBranch(parser: Parser, { word, own, members }: Branch): Parser {
  if (members.size === 0) return own === undefined ? parser : define(parser, own, own.usage);
  const names = [...members.keys()];
  const describe = own === undefined ? names.join(', ') : `${own.describe}; ${names.join(', ')}`;
  return parser.command(word, describe, (inner) => {
    if (own !== undefined) define(inner, own, `$0${own.usage.slice(word.length)}`);
    for (const member of members.values()) define(inner, member, member.usage.slice(word.length + 1));
    if (own === undefined) return inner.demandCommand(1, `kbin ${word} needs one of: ${names.join(', ')}`);
    // The parser recommends no command where there is a default one, and would miss its options first.
    return inner.middleware(({ _: words }) => refuseUnknown(words.map(String), { word, own, members }), true);
  });
}

/** Throws USAGE for a second word that is neither a command nor a positional. */
function refuseUnknown([, second]: readonly string[], { word, own, members }: Branch): void {
  if (second === undefined || members.has(second) || own === undefined || positionalsOf(own).length > 0) return;
  throw new KbinError('USAGE', `kbin ${word} has no command "${second}"`, {
    hint: `${didYouMean(second, [...members.keys()])} kbin ${word} --help lists them.`,
  });
}

const line = process.argv.slice(2);
const parser = yargs(line)
  .scriptName('kbin')
  .usage('$0 <command>\n\nDeploys and keeps Kubernetes from plain binaries over SSH.')
  .version(version)
  .parserConfiguration({ 'camel-case-expansion': false, 'populate--': true })
  .demandCommand(1, 'kbin needs a command; kbin --help lists them.')
  .strict()
  .recommendCommands()
  .wrap(Math.min(120, process.stdout.columns || 120))
  .epilogue('Exit codes by family are listed in docs/exit-codes.md.')
  .exitProcess(false)
  // Throwing is what keeps the parser from running the command all the same.
  .fail((message, error: Error | undefined) => {
    throw error ?? new KbinError('USAGE', message, { hint: 'kbin --help and kbin COMMAND --help list what there is.' });
  });

try {
  for (const branch of branchesOf(await loadMeant(ENTRIES, line))) defineBranch(parser, branch);
  await parser.parseAsync();
} catch (error) {
  fail(error);
}
