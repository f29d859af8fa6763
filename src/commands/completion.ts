import type { Command } from './command.ts';

const quoted = (text: string): string => text.replace(/'/g, '’');

/** Completion for bash: the commands' words, then the options of the command that stands there. */
function bashCompletion(commands: readonly Command[]): string {
  const words = commands.map((command) => command.usage.replace(/ [<[].*$/, ''));
  const first = [...new Set(words.map((word) => word.split(' ')[0] ?? ''))].join(' ');
  const cases = commands.map((command, index) => {
    const options = Object.keys(command.options).map((name) => `--${name}`);
    return `    '${words[index] ?? ''}') options='${options.join(' ')}' ;;`;
  });
  const groups = [...new Set(words.filter((word) => word.includes(' ')).map((word) => word.split(' ')[0] ?? ''))];
  const groupCases = groups.map((group) => {
    const members = words.filter((word) => word.startsWith(`${group} `)).map((word) => word.split(' ')[1] ?? '');
    return `    ${group}) words='${members.join(' ')}' ;;`;
  });
  return `_kbin() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words='' options=''
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W '${first}' -- "$current")); return; fi
  case "$command" in
${groupCases.join('\n')}
  esac
  if [ -n "$words" ]; then
    if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); return; fi
    command="$command \${COMP_WORDS[2]}"
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
function fishCompletion(commands: readonly Command[]): string {
  return commands
    .flatMap((command) => {
      const [first = '', second] = command.usage.replace(/ [<[].*$/, '').split(' ');
      const own =
        second === undefined
          ? `complete -c kbin -n __fish_use_subcommand -a ${first} -d '${quoted(command.describe)}'`
          : `complete -c kbin -n '__fish_seen_subcommand_from ${first}' -a ${second} -d '${quoted(command.describe)}'`;
      const options = Object.entries(command.options).map(
        ([name, option]) =>
          `complete -c kbin -n '__fish_seen_subcommand_from ${second ?? first}' -l ${name} -d '${quoted(option.describe)}'`,
      );
      return [own, ...options];
    })
    .join('\n')
    .concat('\n');
}

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
