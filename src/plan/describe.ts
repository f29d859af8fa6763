import type { Action, Plan, Step } from '../model/plan.ts';

interface Line {
  sign: '+' | '~' | '-' | '>' | '!';
  what: string;
}

/** One line of a plan: a sign, and the thing. `+` new, `~` changed, `-` removed, `>` started or restarted. */
function lineOf({ action, why }: Step): Line {
  const sign = why === 'missing' || why === 'not imported' ? '+' : '~';
  const lines: { [K in Action['do']]: (own: Extract<Action, { do: K }>) => Line } = {
    issue: (own) => ({ sign, what: `certificate ${own.spec.name}` }),
    'issue-key': (own) => ({ sign, what: `key pair ${own.spec.name}` }),
    'issue-encryption': ({ encryption }) => ({ sign, what: `encryption of stored objects: ${encryption.provider}` }),
    user: (own) => ({ sign, what: `user ${own.user.name}` }),
    directory: (own) => ({ sign, what: `directory ${own.directory.path}` }),
    file: (own) => ({ sign, what: `file ${own.file.path}` }),
    pair: (own) => ({ sign, what: `certificate and key ${own.pair.path}` }),
    binary: (own) => ({ sign, what: `upload ${own.binary.path} (${mebibytes(own.bytes)})` }),
    link: (own) => ({ sign, what: `link ${own.path} -> ${own.target}` }),
    kernel: () => ({ sign: '~', what: 'kernel settings' }),
    unit: (own) => ({ sign: '>', what: `${own.verb} ${own.unit}${own.enable ? ', enable' : ''}` }),
    enable: (own) => ({ sign: '~', what: `enable ${own.unit}` }),
    stop: (own) => ({ sign: '-', what: `stop and disable ${own.unit}` }),
    image: (own) => ({ sign, what: `image ${own.image.reference} (${mebibytes(own.bytes)})` }),
    remove: (own) => ({ sign: '-', what: own.path }),
    apply: (own) => ({ sign, what: `${own.object.object.kind} ${own.object.object.metadata.name}` }),
    approve: (own) => ({ sign, what: `approval of the serving certificate of ${own.kubelet}` }),
    node: (own) => ({ sign: '~', what: `labels and taints of Node ${own.settings.host}` }),
  };
  return (lines[action.do] as (own: Action) => Line)(action);
}

const mebibytes = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;

const names = (hosts: readonly string[]): string =>
  hosts.length > 8 ? `${hosts.slice(0, 8).join(', ')} and ${hosts.length - 8} more` : hosts.join(', ');

const textOf = (step: Step): string => {
  const { sign, what } = lineOf(step);
  return `  ${sign} ${what.padEnd(64)} ${step.why}`;
};

/** Hosts with the same steps are shown once: a plan for a thousand workers stays one page. */
function grouped(steps: readonly Step[]): Map<string, string[]> {
  const byHost = new Map<string, string[]>();
  for (const step of steps) byHost.set(step.host, [...(byHost.get(step.host) ?? []), textOf(step)]);
  const groups = new Map<string, string[]>();
  for (const [host, lines] of byHost) {
    const body = lines.join('\n');
    groups.set(body, [...(groups.get(body) ?? []), host]);
  }
  return groups;
}

/** The plan as a person reads it, wave by wave. */
export function describePlan(plan: Plan): string[] {
  const lines: string[] = [];
  for (const wave of plan.waves) {
    if (wave.steps.length === 0) continue;
    lines.push(`${wave.id}${wave.gate === undefined ? '' : ` (gate: ${wave.gate.probe})`}`);
    for (const [body, hosts] of grouped(wave.steps)) lines.push(` ${names(hosts)}`, body);
  }
  return lines;
}

/** `214 steps on 3 hosts: 120 new, 80 changed, 3 removed, 11 units started` */
export function summarizePlan(plan: Plan): string {
  const steps = plan.waves.flatMap((wave) => wave.steps);
  if (steps.length === 0) return 'Nothing to do: every host is as the inventory says.';
  const count = (sign: Line['sign']): number => steps.filter((step) => lineOf(step).sign === sign).length;
  const hosts = new Set(steps.map((step) => step.host).filter((host) => host !== 'local' && host !== 'api'));
  return `${steps.length} steps on ${hosts.size} hosts: ${count('+')} new, ${count('~')} changed, ${count('-')} removed, ${count('>')} units to start or restart.`;
}
