#!/usr/bin/env node
import yargs from 'yargs';
import type { Command, Option } from './commands/command.ts';
import { COMMANDS } from './commands/index.ts';
import { exitCodeOf, KbinError } from './errors.ts';
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

/** The words before the positionals. */
const wordsOf = (command: Command): string[] => command.usage.split(' ').filter((word) => !/^[<[]/.test(word));

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
    (own) => own.options(options).strict(),
    (args) => runCommand(command, args),
  );
}

/** `cache import` and its like become a command with commands of its own. */
function defineAll(parser: Parser, commands: readonly Command[]): Parser {
  const groups = new Map<string, Command[]>();
  for (const command of commands) {
    const [first = '', second] = wordsOf(command);
    if (second === undefined) define(parser, command, command.usage);
    else groups.set(first, [...(groups.get(first) ?? []), command]);
  }
  for (const [name, members] of groups) {
    parser.command(name, members.map((member) => wordsOf(member)[1]).join(', '), (own) => {
      for (const member of members) define(own, member, member.usage.slice(name.length + 1));
      return own.demandCommand(
        1,
        `kbin ${name} needs one of: ${members.map((member) => wordsOf(member)[1]).join(', ')}`,
      );
    });
  }
  return parser;
}

const parser = yargs(process.argv.slice(2))
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
  await defineAll(parser, COMMANDS).parseAsync();
} catch (error) {
  fail(error);
}
