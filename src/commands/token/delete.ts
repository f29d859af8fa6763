import { deleteToken } from '../../engine/bootstrapTokens.ts';
import { INVENTORY_OPTION, text, type Command } from '../command.ts';
import { withRun } from '../run.ts';

export const remove: Command = {
  usage: 'token delete <id>',
  describe: 'take a bootstrap token back before it expires',
  options: INVENTORY_OPTION,
  run: (args) =>
    withRun(args, 'token delete', async (session) => {
      const { engine } = session;
      const id = text(args, 'id') ?? '';
      await deleteToken(engine.world.api(new Set()), id);
      engine.emit({
        ...{ type: 'step', step: `api/token:${id}`, host: 'api', verb: 'delete-token', result: 'done' },
        at: engine.clock.now(),
      });
      session.result = { changed: 1, failed: new Map() };
      session.print(`Token ${id} is gone. Kubelets that have joined with it keep their certificates.`);
      return 0;
    }),
};
