// push-kbin.mjs INVENTORY: the upload part of `kbin deploy` alone: observes, plans, connects, and sends every program
// and image of the plan as a deploy does, with nothing started meanwhile. Prints BYTES SECONDS: of all files on all
// machines before compression, from the first upload that starts to the last that is done.
import { prepare } from '../../dist/engine/deploy.js';
import { Uploads } from '../../dist/engine/uploads.js';
import { openEngine, runId } from '../../dist/commands/session.js';
import { loadInventory } from '../../dist/inventory/load.js';
import { PHASES } from '../../dist/model/phase.js';

const inventory = await loadInventory(process.argv[2]);
const uploads = [];
const emit = (event) => {
  if (event.type === 'upload') uploads.push(event);
};
const { signal } = new AbortController();
const { engine, fleet } = await openEngine({ inventory, parallel: 50, emit, signal, run: runId() });
try {
  const { plan, facts } = await prepare(engine, { maxFail: 0 });
  const sending = await Uploads.start(engine, plan, { facts, failures: new Set() });
  const waits = inventory.hosts.flatMap(({ name }) => PHASES.map((phase) => sending.ready(name, phase)));
  await Promise.all(waits);
  const done = uploads.filter(({ state }) => state === 'done');
  const bytes = done.reduce((sum, event) => sum + event.bytes, 0);
  const seconds = (Math.max(...done.map(({ at }) => at)) - Math.min(...uploads.map(({ at }) => at))) / 1000;
  process.stdout.write(`${bytes} ${seconds}\n`);
} finally {
  await fleet.close();
}
