import { KbinError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';
import { interrupted, isInterruption } from './interruption.ts';
import { objectPaths, storedResources, type StoredResource } from './storedObjects.ts';

/** Enough to keep an API server busy beside its other work, and no more. */
const OBJECTS_AT_ONCE = 8;
/** Lines of progress of one resource: at most ten, and none oftener than every hundred objects. */
const LINES = 10;
const OBJECTS_A_LINE = 100;
const NAMES_SHOWN = 10;

/** Says how far it is, some times over all of them. */
function counting(resource: string, total: number, tell: (line: string) => void): () => void {
  const step = Math.max(OBJECTS_A_LINE, Math.ceil(total / LINES));
  let done = 0;
  return () => {
    done += 1;
    if (done === total || done % step === 0) tell(`${resource}: ${done} of ${total} written again`);
  };
}

async function rewriteResource(
  engine: Engine,
  { resource, left }: StoredResource,
  tell: (line: string) => void,
): Promise<void> {
  const api = engine.world.api(new Set());
  const count = counting(resource, left.length, tell);
  const answers = await fanOut(await objectPaths(api, resource, left), OBJECTS_AT_ONCE, async (path) => {
    if (engine.signal.aborted) throw interrupted(`writing ${resource} again`);
    await api.rewrite(path);
    count();
  });
  const errors = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
  const [first] = errors.filter((error) => isInterruption(error) || !(error instanceof KbinError));
  if (first !== undefined) throw first as Error;
  if (errors.length === 0) return;
  const messages = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new KbinError('STEP', `${errors.length} of ${left.length} ${resource} could not be written again`, {
    evidence: messages.slice(0, NAMES_SHOWN),
    hint: 'Correct or delete those objects and run the same command again: it goes on with what is left.',
  });
}

/**
 * Has the API servers write every object again that etcd does not hold as it should be. Nothing of an object comes here:
 * an empty patch is enough for an API server to write one that another provider than its first has encrypted. What is left
 * is read from etcd, so a run that was killed goes on where it stopped. Throws STEP naming what was refused.
 */
export async function rewriteStored(engine: Engine, tell: (line: string) => void): Promise<void> {
  const { world, inventory, pki } = engine;
  const encryption = await pki.encryption();
  if (encryption === null) return;
  const source = { inventory, api: world.api(new Set()), heads: world.storedHeads };
  for (const found of await storedResources(source, encryption)) {
    if (found.left.length > 0) await rewriteResource(engine, found, tell);
  }
}
