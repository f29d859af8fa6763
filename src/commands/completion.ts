import type { Command } from './command.ts';
import { branchesOf, wordsOf, type Branch } from './tree.ts';

const quoted = (text: string): string => text.replace(/'/g, '’');

const optionsOf = (command: Command): string[] => Object.keys(command.options).map((name) => `--${name}`);

/** Completion for bash: the commands' words, then the options of the command that stands there. */
function bashCompletion(commands: readonly Command[]): string {
  const branches = branchesOf(commands);
  const first = branches.map(({ word }) => word).join(' ');
  const groupCases = branches.flatMap(({ word, members }) =>
    members.size === 0 ? [] : [`    ${word}) words='${[...members.keys()].join(' ')}' ;;`],
  );
  const cases = commands.map(
    (command) => `    '${wordsOf(command).join(' ')}') options='${optionsOf(command).join(' ')}' ;;`,
  );
  return `_kbin() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words='' options=''
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W '${first}' -- "$current")); return; fi
  case "$command" in
${groupCases.join('\n')}
  esac
  if [ -n "$words" ]; then
    case "$COMP_CWORD $current" in
      '2 -'*) ;;
      '2 '*) COMPREPLY=($(compgen -W "$words" -- "$current")); return ;;
    esac
    case " $words " in *" \${COMP_WORDS[2]} "*) command="$command \${COMP_WORDS[2]}" ;; esac
  fi
  case "$command" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options --help" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -F _kbin kbin
`;
}

/** zsh and fish understand the descriptions too. */
const fishCompletion = (commands: readonly Command[]): string =>
  `${branchesOf(commands).flatMap(fishLines).join('\n')}\n`;

function fishLines({ word, own, members }: Branch): string[] {
  const names = [...members.keys()].join(' ');
  const seen = `__fish_seen_subcommand_from ${word}`;
  const before = members.size === 0 ? seen : `${seen}; and not __fish_seen_subcommand_from ${names}`;
  return [
    fishWord('__fish_use_subcommand', word, own?.describe ?? [...members.keys()].join(', ')),
    ...(own === undefined ? [] : fishOptions(before, own)),
    ...[...members].flatMap(([second, member]) => [
      fishWord(before, second, member.describe),
      ...fishOptions(`${seen}; and __fish_seen_subcommand_from ${second}`, member),
    ]),
  ];
}

const fishWord = (when: string, word: string, describe: string): string =>
  `complete -c kbin -n '${when}' -a ${word} -d '${quoted(describe)}'`;

const fishOptions = (when: string, { options }: Command): string[] =>
  Object.entries(options).map(
    ([name, { describe }]) => `complete -c kbin -n '${when}' -l ${name} -d '${quoted(describe)}'`,
  );

const zshCompletion = (commands: readonly Command[]): string =>
  `#compdef kbin\nautoload -U +X bashcompinit && bashcompinit\n${bashCompletion(commands)}`;

/** `kbin completion`, over the commands it is given. */
export const completion = (commands: readonly Command[]): Command => ({
  usage: 'completion <shell>',
  describe: 'completion script for bash, zsh or fish',
  options: {},
  run: (args) => {
    const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
    const shell = String(args['shell']);
    const script = shell in scripts ? scripts[shell as keyof typeof scripts] : undefined;
    if (script === undefined) {
      process.stderr.write(`kbin completion: "${shell}" is not bash, zsh or fish\n`);
      return Promise.resolve(2);
    }
    process.stdout.write(script(commands));
    return Promise.resolve(0);
  },
});
