import { listCertificates } from '../../engine/certificates.ts';
import { EXIT_CODES, KbinError, type ErrorCode } from '../../errors.ts';
import { loadInventory } from '../../inventory/load.ts';
import type { CertificateRow } from '../../model/certificateRow.ts';
import type { Event } from '../../model/event.ts';
import { readIssued } from '../../pki/kubeconfigLedger.ts';
import { endingWithin } from '../../pki/report/report.ts';
import { certificateLines } from '../../ui/certificateTable.ts';
import { certificatesJson, certificatesMetrics } from '../../ui/certificateTexts.ts';
import { Warnings } from '../../ui/warnings.ts';
import {
  flag,
  INVENTORY_OPTION,
  LIMIT_OPTIONS,
  number,
  text,
  type Arguments,
  type Command,
  type Option,
} from '../command.ts';
import { ledgerFile } from '../kubeconfig/cluster.ts';
import { lifetimeOf } from '../kubeconfig/lifetime.ts';
import { chosenHosts } from '../run.ts';
import { openEngine, runId, systemClock } from '../session.ts';
import { writeOutputs } from './outputFiles.ts';

const OPTIONS: Record<string, Option> = {
  ...INVENTORY_OPTION,
  ...(LIMIT_OPTIONS['limit'] === undefined ? {} : { limit: LIMIT_OPTIONS['limit'] }),
  parallel: { type: 'number', describe: 'hosts asked at once', default: 50 },
  all: { type: 'boolean', describe: 'every certificate of every host in a line of its own', default: false },
  json: { type: 'boolean', describe: 'everything as one JSON document', default: false },
  prometheus: { type: 'string', describe: 'file to write metrics to, for a textfile collector' },
  within: { type: 'string', describe: 'exit with 40 when a certificate ends within this time: 30d, 720h' },
};

/** Milliseconds of `--within`; undefined without it. Throws USAGE. */
function windowOf(args: Arguments): number | undefined {
  const within = text(args, 'within');
  if (within === undefined) return undefined;
  try {
    return lifetimeOf(within);
  } catch (cause) {
    throw new KbinError('USAGE', `--within ${JSON.stringify(within)} is no length of time`, {
      hint: 'Write days, hours or minutes, such as 30d or 720h.',
      cause,
    });
  }
}

/** Warnings of connections, on standard error: standard output may be JSON. */
function warnings(): { emit: (event: Event) => void; rest: () => void } {
  const told = new Warnings();
  const print = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    emit: (event) => {
      const line = event.type === 'warning' ? told.lineOf(event.message, event.host) : undefined;
      if (line !== undefined) print(line);
    },
    rest: () => told.rest().forEach(print),
  };
}

/** The rows, and which hosts they are about. It is no run: it leaves no journal, which cron would fill. */
async function look(args: Arguments): Promise<{ cluster: string; hosts: string[]; rows: CertificateRow[] }> {
  const inventory = await loadInventory(text(args, 'inventory') ?? '');
  const { cluster } = inventory;
  const { emit, rest } = warnings();
  const parallel = number(args, 'parallel') ?? 50;
  const { signal } = new AbortController();
  const { engine, fleet } = await openEngine({ inventory, parallel, emit, signal, run: runId() });
  try {
    const limit = chosenHosts({ engine }, text(args, 'limit'));
    const hosts = inventory.hosts.map(({ name }) => name).filter((name) => limit?.has(name) ?? true);
    const rows = await listCertificates(engine, { limit, issued: readIssued(ledgerFile(cluster)) });
    return { cluster, hosts, rows };
  } finally {
    await fleet.close();
    rest();
  }
}

/** The most urgent of what is wrong: an end that nears, a disagreement, a place that could not be looked at. */
export function listExitCode(rows: readonly CertificateRow[], ending: readonly CertificateRow[]): number {
  if (ending.length > 0) return EXIT_CODES.EXPIRING;
  if (rows.some(({ disagreements }) => disagreements.length > 0)) return EXIT_CODES.DISAGREE;
  const codes = [...new Set(rows.flatMap(({ unseen }) => unseen?.code ?? []))];
  const [code] = codes;
  if (code === undefined) return 0;
  return codes.length > 1 ? EXIT_CODES.HOSTS : EXIT_CODES[code as ErrorCode];
}

export const listCertificatesCommand: Command = {
  usage: 'certs list',
  describe: 'every certificate: in the store, on the hosts and as served, and where these disagree',
  options: OPTIONS,
  run: async (args) => {
    const within = windowOf(args);
    const { cluster, hosts, rows } = await look(args);
    const listedAt = systemClock.now();
    const ending = within === undefined ? [] : endingWithin(rows, within, listedAt);
    const listing = { cluster, listedAt, hosts };
    const file = text(args, 'prometheus');
    if (file !== undefined) writeOutputs([{ path: file, body: certificatesMetrics(rows, listing), mode: 0o644 }], true);
    const lines = flag(args, 'json')
      ? [certificatesJson(rows, listing)]
      : certificateLines(rows, {
          hosts: hosts.length,
          isEach: flag(args, 'all'),
          ...(within === undefined ? {} : { ending: { within: text(args, 'within') ?? '', rows: ending } }),
        });
    // A reader that went away (`| head`) is no fault.
    process.stdout.on('error', () => undefined);
    process.stdout.write(`${lines.join('\n')}\n`);
    return listExitCode(rows, ending);
  },
};
