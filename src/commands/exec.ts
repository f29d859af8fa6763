import { KbinError } from '../errors.ts';
import { fanOut } from '../engine/fanOut.ts';
import type { HostName } from '../model/inventory.ts';
import type { Output } from '../model/ports.ts';
import { printable } from '../model/plainText.ts';
import { shellWords } from '../remote/quote.ts';
import { flag, FLEET_OPTIONS, INVENTORY_OPTION, list, LIMIT_OPTIONS, number, text, type Command } from './command.ts';
import { chosenHosts, withRun } from './run.ts';

interface Answer {
  hosts: HostName[];
  body: string;
  exitCode: number;
}

/** Hosts that said the same are shown once. */
function folded(answers: readonly (readonly [HostName, Output])[]): Answer[] {
  const groups = new Map<string, Answer>();
  for (const [host, { exitCode, stdout, stderr }] of answers) {
    const body = printable(`${stdout}${stderr}`).trimEnd();
    const key = `${exitCode} ${body}`;
    const group = groups.get(key) ?? { hosts: [], body, exitCode };
    group.hosts.push(host);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.hosts.length - a.hosts.length);
}

export const exec: Command = {
  usage: 'exec [command..]',
  describe: 'run a command on hosts; identical output is folded (kbin exec -i prod.yaml -- uptime)',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    ...LIMIT_OPTIONS,
    shell: { type: 'boolean', describe: 'hand the words to a shell, so that pipes and globs work', default: false },
    timeout: { type: 'number', describe: 'seconds per host', default: 60 },
  },
  run: (args) =>
    withRun(args, 'exec', async (session) => {
      const words = [...list(args, 'command'), ...list(args, '--')];
      if (words.length === 0)
        throw new KbinError('USAGE', 'kbin exec needs a command', { hint: 'kbin exec -i prod.yaml -- uptime' });
      const script = flag(args, 'shell') ? words.join(' ') : shellWords(words);
      const { engine } = session;
      const chosen = chosenHosts(session, text(args, 'limit'));
      const hosts = engine.inventory.hosts.map((host) => host.name).filter((name) => chosen?.has(name) ?? true);
      const answers = await fanOut(hosts, engine.parallel, async (host) => {
        const connection = await session.fleet.connection(host);
        return connection.run({ script, timeoutSeconds: number(args, 'timeout') ?? 60 });
      });
      const answered = answers.flatMap((answer, index) =>
        answer.ok ? [[hosts[index] ?? '', answer.value] as const] : [],
      );
      for (const { hosts: same, body, exitCode } of folded(answered)) {
        session.print(`${same.join(', ')}${exitCode === 0 ? '' : ` (exit ${exitCode})`}:`);
        if (body !== '') session.print(body);
      }
      const lost = answers.flatMap((answer, index) =>
        answer.ok ? [] : [`${hosts[index] ?? ''}: ${String(answer.error)}`],
      );
      const bad = answered.filter(([, output]) => output.exitCode !== 0).map(([host]) => host);
      if (lost.length + bad.length > (number(args, 'max-fail') ?? 0)) {
        throw new KbinError('HOSTS', `${lost.length + bad.length} of ${hosts.length} hosts failed`, {
          evidence: [...lost, ...bad.map((host) => `${host}: the command failed`)],
        });
      }
      return 0;
    }),
};
