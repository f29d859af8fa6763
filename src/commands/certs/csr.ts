import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../../errors.ts';
import type { CertSpec } from '../../model/pki.ts';
import { certificateSpecs } from '../../pki/catalog.ts';
import { issueReason } from '../../pki/expiry.ts';
import { type CertificateRequestText, requestCertificates } from '../../pki/outside/requests.ts';
import { INVENTORY_OPTION, list, text, type Arguments, type Command } from '../command.ts';
import { writeOutputs } from './outputFiles.ts';
import { openOutsideStore, say, type OutsideStore } from './outsideStore.ts';
import { renewedNames } from './renew.ts';

const MANIFEST = 'requests.json';

export const csr: Command = {
  usage: 'certs csr',
  describe: 'requests for certificates whose authority signs elsewhere; their keys stay in the store',
  options: {
    ...INVENTORY_OPTION,
    output: {
      type: 'string',
      alias: 'o',
      describe: 'directory to write NAME.csr and requests.json to',
      required: true,
    },
    name: {
      type: 'array',
      describe: 'these: rows or NAME@HOST, with * and ?; repeatable. Without: what is missing, due or changed',
    },
  },
  run: async (args) => {
    const store = await openOutsideStore(args);
    const specs = wanted(store, args);
    const folder = text(args, 'output') ?? '';
    if (specs.length === 0) {
      say('Nothing has to be signed outside now. --name asks for new certificates all the same.');
      return 0;
    }
    makeFolder(folder);
    const requests = await requestCertificates(store.directory, specs);
    writeOutputs(filesIn(folder, { store, specs, requests }), true);
    tell(folder, { store, specs, requests });
    return 0;
  },
};

/**
 * What somebody else has to sign. Throws PKI when no authority signs elsewhere and nothing was chosen; USAGE for a name
 * that there is not.
 */
function wanted({ inventory, rows, stored, now }: OutsideStore, args: Arguments): CertSpec[] {
  const { certificates } = certificateSpecs(inventory, rows);
  const patterns = list(args, 'name');
  if (patterns.length > 0) {
    const names = renewedNames({ inventory, rows }, { patterns, limit: undefined });
    return certificates.filter(({ name }) => names.has(name));
  }
  if (!Object.values(stored).some(({ isKeyOutside }) => isKeyOutside === true))
    throw new KbinError('PKI', `every authority of cluster ${inventory.cluster} has its key here, or kbin makes it`, {
      hint: 'kbin certs import --authority NAME --cert FILE, without --key, brings one that signs elsewhere. Or choose certificates with --name.',
    });
  return certificates.filter((spec) => {
    const issuer = spec.ca === undefined ? undefined : stored[spec.ca];
    return issuer?.isKeyOutside === true && issueReason({ spec, stored: stored[spec.name], issuer, now }) !== null;
  });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new KbinError('USAGE', `${folder} cannot be made: ${(cause as Error).message}`, {
      hint: 'Name a directory, or a place for a new one. No key was made.',
      cause,
    });
  }
}

interface Requested {
  store: OutsideStore;
  specs: readonly CertSpec[];
  requests: readonly CertificateRequestText[];
}

const USAGES = { server: 'server auth', client: 'client auth' } as const;

/** One file a request, and what all of them ask for, for whoever signs by a program. */
function filesIn(folder: string, { store, specs, requests }: Requested) {
  const asked = specs.map(
    ({ name, ca, isAuthority, commonName, organizations, dnsNames, ipAddresses, usages, days }) => ({
      ...{ name, file: `${name}.csr`, authority: ca, isAuthority, commonName, organizations, dnsNames, ipAddresses },
      ...{ usages: isAuthority ? ['cert sign'] : usages.map((usage) => USAGES[usage]), days },
    }),
  );
  const manifest = `${JSON.stringify({ cluster: store.inventory.cluster, requests: asked }, null, 1)}\n`;
  return [
    ...requests.map(({ name, pem }) => ({ path: join(folder, `${name}.csr`), body: pem, mode: 0o644 })),
    { path: join(folder, MANIFEST), body: manifest, mode: 0o644 },
  ];
}

function tell(folder: string, { store, specs, requests }: Requested): void {
  const repeated = requests.filter(({ isRepeated }) => isRepeated).length;
  const authorities = [...new Set(specs.flatMap(({ ca }) => ca ?? []))].join(', ');
  const count = requests.length === 1 ? '1 request' : `${requests.length} requests`;
  say(`${count} for ${authorities} in ${folder}; ${MANIFEST} there says what each asks for.`);
  if (repeated > 0) say(`${repeated} of them had been asked for before: with the same keys.`);
  say(`Have them signed, then: kbin certs import -i ${store.inventoryFile} ${folder}`);
}
