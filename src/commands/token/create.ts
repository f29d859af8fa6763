import { hostPort } from '../../desired/context.ts';
import { newToken, storeToken, type NewToken } from '../../engine/bootstrapTokens.ts';
import type { Engine } from '../../engine/engine.ts';
import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';
import { bootstrapKubeconfig } from '../../pki/bootstrapKubeconfig.ts';
import { editFile } from '../../pki/kubeconfigFile.ts';
import { INVENTORY_OPTION, type Arguments, type Command } from '../command.ts';
import { lengthOfTime, lifetimeOf, shortTime } from '../kubeconfig/lifetime.ts';
import { once, wishesOf } from '../kubeconfig/options.ts';
import { withRun } from '../run.ts';

const DEFAULT_LIFETIME = '24h';
const PLACE = '/etc/kubernetes/bootstrap-kubelet.conf';

interface Asked {
  lifetime: number;
  description: string;
  /** Bootstrap kubeconfig to write. */
  file: string | undefined;
  server: string | undefined;
}

/** Throws USAGE before anything is read. */
function askedOf(args: Arguments): Asked {
  const { server } = wishesOf(args);
  const file = once(args, 'kubeconfig');
  if (file === '') throw usage('--kubeconfig names no file', 'Name one, or leave --kubeconfig out.');
  if (server !== undefined && file === undefined)
    throw usage('--server means nothing without --kubeconfig', 'Add --kubeconfig, or leave it out.');
  return {
    lifetime: lifetimeOf(once(args, 'ttl') ?? DEFAULT_LIFETIME, '--ttl'),
    description: once(args, 'description') ?? '',
    file,
    server,
  };
}

const usage = (message: string, hint: string): KbinError => new KbinError('USAGE', message, { hint });

/** Makes the token, and the kubeconfig that holds it: where the file cannot be written, no token is left behind. */
async function make(engine: Engine, { lifetime, description, file, server }: Asked): Promise<NewToken> {
  const { inventory, pki, clock } = engine;
  const api = engine.world.api(new Set());
  const made = await newToken(api, clock.now() + lifetime);
  const store = (): Promise<void> => storeToken(api, made, description);
  if (file === undefined) {
    await store();
    return made;
  }
  const { cluster, endpoint } = inventory;
  const ca = await pki.read({ certificate: 'ca', part: 'trusted' });
  const text = bootstrapKubeconfig({
    cluster,
    server: server ?? `https://${hostPort(endpoint.host, endpoint.port)}`,
    ca: ca.reveal(),
    token: made.token,
  });
  await editFile(file, { text: () => text, keepsBackup: false, beforePlacing: store });
  return made;
}

function told({ id, expires }: NewToken, { lifetime, file }: Asked): string[] {
  const until = `valid until ${shortTime(new Date(expires).toISOString())} (${lengthOfTime(lifetime)})`;
  return [
    `Token ${id}: ${until}. Whoever has it can join as any node: treat it as a password.`,
    ...(file === undefined ? [] : [`Its kubeconfig is ${file}; on the node it belongs in ${PLACE}, 0600.`]),
  ];
}

export const create: Command = {
  usage: 'token create',
  describe: 'a bootstrap token, with which a node joins without kbin',
  options: {
    ...INVENTORY_OPTION,
    ttl: { type: 'string', describe: `how long it is valid: 90m, 8h, 30d (default ${DEFAULT_LIFETIME})` },
    description: { type: 'string', describe: 'what it is for' },
    kubeconfig: { type: 'string', describe: 'file to write (0600): bootstrap kubeconfig for the node' },
    server: { type: 'string', describe: 'in it: URL of the API instead of the inventory’s endpoint' },
  },
  run: async (args) => {
    const asked = askedOf(args);
    let token: Secret = new Secret('');
    const exitCode = await withRun(args, { command: 'token create', screen: process.stderr }, async (session) => {
      const { engine } = session;
      const made = await make(engine, asked);
      engine.emit({
        ...{ type: 'step', step: `api/token:${made.id}`, host: 'api', verb: 'create-token', result: 'done' },
        at: engine.clock.now(),
      });
      session.result = { changed: 1, failed: new Map() };
      token = made.token;
      told(made, asked).forEach(session.print);
      return 0;
    });
    // The one place where it is shown, and the only thing on standard output.
    process.stdout.write(`${token.reveal()}\n`);
    return exitCode;
  },
};
