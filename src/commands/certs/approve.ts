import { approveServing, leftText, type Approvals } from '../../engine/servingRequests.ts';
import { EXIT_CODES, KbinError } from '../../errors.ts';
import { flag, FLEET_OPTIONS, INVENTORY_OPTION, type Command } from '../command.ts';
import { withRun, type RunSession } from '../run.ts';

/** How often a watch looks: a kubelet that nobody answers goes on waiting for a quarter of an hour. */
const WATCH_MILLISECONDS = 5000;

type Session = Pick<RunSession, 'engine' | 'print' | 'result'>;

function assertAsked({ inventory }: Session['engine']): void {
  if (inventory.certificates.kubeletServing === 'kubelet') return;
  throw new KbinError('USAGE', 'kubelets of this cluster serve with certificates that kbin issues', {
    hint: 'They ask for their own with certificates.kubeletServing: kubelet in the inventory. Nothing was approved.',
  });
}

/** What is pending, looked at once. Counts what was approved, for the audit record. */
async function round(session: Session): Promise<Approvals> {
  const { engine } = session;
  const approvals = await approveServing(engine.world.api(new Set()), engine.inventory);
  for (const { name, host = '', names } of approvals.approved) {
    engine.emit({
      ...{ type: 'step', step: `api/approve:${name}`, host: 'api', verb: 'approve', result: 'done' },
      at: engine.clock.now(),
    });
    session.print(`Approved ${name} of ${host}: ${names.join(', ')}`);
  }
  const before = session.result?.changed ?? 0;
  session.result = { changed: before + approvals.approved.length, failed: new Map() };
  return approvals;
}

/** Goes on until the operator interrupts; tells once of what it leaves and of an API that does not answer. */
async function watch(session: Session): Promise<number> {
  const { clock, signal } = session.engine;
  const told = new Set<string>();
  const tell = (line: string): void => {
    if (!told.has(line)) session.print(line);
    told.add(line);
  };
  while (!signal.aborted) {
    try {
      const { left } = await round(session);
      for (const request of left) tell(`Left ${leftText(request)}`);
    } catch (error) {
      if (!(error instanceof KbinError)) throw error;
      tell(`${error.code} ${error.message}`);
    }
    await clock.pause(WATCH_MILLISECONDS, signal);
  }
  return 0;
}

/** The command itself, in a session. Returns the exit code: PENDING when requests are left. */
export async function approveIn(session: Session, isWatching: boolean): Promise<number> {
  assertAsked(session.engine);
  if (isWatching) return watch(session);
  const { approved, left } = await round(session);
  for (const request of left) session.print(`Left ${leftText(request)}`);
  if (approved.length + left.length === 0) session.print('No kubelet waits for approval.');
  return left.length === 0 ? 0 : EXIT_CODES.PENDING;
}

export const approve: Command = {
  usage: 'certs approve',
  describe: 'approve what kubelets ask for to serve with, where it fits the inventory',
  options: {
    ...INVENTORY_OPTION,
    ...FLEET_OPTIONS,
    watch: { type: 'boolean', describe: 'go on until interrupted', default: false },
  },
  run: (args) => withRun(args, 'certs approve', (session) => approveIn(session, flag(args, 'watch'))),
};
