// pki-kbin.mjs issue INVENTORY DIRECTORY: all certificates of a cluster that does not exist yet, and its ServiceAccount key
// pair, into a store in DIRECTORY, as a deploy issues them once its plan is made. Prints CERTIFICATES SECONDS: from the
// loaded inventory to the last file in its place.
// pki-kbin.mjs check INVENTORY DIRECTORY: fails unless every one of them reads back whole.
import { issueCertificates } from '../../dist/engine/issue.js';
import { loadInventory } from '../../dist/inventory/load.js';
import { readCertificateCatalog } from '../../dist/paths.js';
import { certificateSpecs, parseCatalog } from '../../dist/pki/catalog.js';
import { openPkiStore } from '../../dist/pki/store.js';

const [, , verb, file, directory] = process.argv;
const [inventory, catalog] = await Promise.all([loadInventory(file), readCertificateCatalog()]);
const pki = openPkiStore(directory);
const began = performance.now();
const { certificates, keyPairs } = certificateSpecs(inventory, parseCatalog(catalog));

async function issue() {
  const steps = [
    ...certificates.map((spec) => ({ action: { do: 'issue', spec } })),
    ...keyPairs.map((spec) => ({ action: { do: 'issue-key', spec } })),
  ];
  await issueCertificates({ pki, clock: { now: () => Date.now() } }, steps);
  process.stdout.write(`${certificates.length} ${((performance.now() - began) / 1000).toFixed(3)}\n`);
}

async function check() {
  const stored = await pki.list();
  const missing = [...certificates, ...keyPairs].filter(({ name }) => stored[name] === undefined);
  if (missing.length > 0) throw new Error(`${missing.length} are missing, such as ${missing[0].name}`);
}

await { issue, check }[verb]();
