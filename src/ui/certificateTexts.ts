import type { CertificateRow } from '../model/certificateRow.ts';
import type { HostName } from '../model/inventory.ts';

/** Whose certificates these are, and when they were looked at. */
export interface Listing {
  cluster: string;
  /** Milliseconds since the epoch. */
  listedAt: number;
  /** Hosts that were asked. */
  hosts: readonly HostName[];
}

const time = (moment: number | undefined): string | null =>
  moment === undefined ? null : new Date(moment).toISOString();

function jsonRow({ name, host, place, at, found, unseen, isUnused, disagreements }: CertificateRow): object {
  return {
    ...{ name, host, place, at },
    subject: found?.subject ?? null,
    organizations: found?.organizations ?? null,
    issuer: found?.issuer ?? null,
    sans: found?.sans ?? null,
    serial: found?.serial ?? null,
    notBefore: time(found?.notBefore),
    notAfter: time(found?.notAfter),
    daysLeft: found?.daysLeft ?? null,
    disagreements,
    unknown: unseen ?? null,
    unused: isUnused === true,
  };
}

/** All that was found as one JSON document. Times are ISO 8601 in UTC; what was not found is null. */
export const certificatesJson = (rows: readonly CertificateRow[], { cluster, listedAt, hosts }: Listing): string =>
  JSON.stringify({ cluster, listedAt: time(listedAt), hosts, certificates: rows.map(jsonRow) }, null, 1);

interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function metric(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => {
    const words = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}{${words.join(',')}} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ''].join('\n');
}

interface Series {
  labels: Record<string, string>;
  notAfter: number;
  disagreements: number;
}

/** The same authority lies in several files of a host: labels must not repeat, so the worst of them counts. */
function seriesOf(rows: readonly CertificateRow[], cluster: string): Series[] {
  const series = new Map<string, Series>();
  for (const { name, host, place, found, disagreements, unseen } of rows) {
    if (unseen !== undefined) continue;
    const labels = { cluster, host: host ?? '', name, place };
    const key = JSON.stringify(labels);
    const own = series.get(key) ?? { labels, notAfter: Infinity, disagreements: 0 };
    own.notAfter = Math.min(own.notAfter, found?.notAfter ?? Infinity);
    own.disagreements += disagreements.length;
    series.set(key, own);
  }
  return [...series].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, own]) => own);
}

/**
 * Metrics for the textfile collector of a node exporter: seconds since the epoch, and counts. `host` is empty for the
 * store's certificates of the whole cluster. What could not be seen has no end, and is counted for its host.
 */
export function certificatesMetrics(rows: readonly CertificateRow[], { cluster, listedAt, hosts }: Listing): string {
  const used = rows.filter(({ isUnused }) => isUnused !== true);
  const series = seriesOf(used, cluster);
  const unseen = new Map<string | null, number>();
  for (const { host, unseen: why } of used) if (why !== undefined) unseen.set(host, (unseen.get(host) ?? 0) + 1);
  const unknown = hosts.map((host) => ({ labels: { cluster, host }, value: unseen.get(host) ?? 0 }));
  return [
    metric(
      'kbin_certificate_not_after_seconds',
      'When the certificate ends, as it was found in this place.',
      series
        .filter(({ notAfter }) => notAfter !== Infinity)
        .map(({ labels, notAfter }) => ({ labels, value: notAfter / 1000 })),
    ),
    metric(
      'kbin_certificate_disagreements',
      'In how many ways the certificate in this place is not as it should be.',
      series.map(({ labels, disagreements }) => ({ labels, value: disagreements })),
    ),
    metric('kbin_certificates_unknown', 'Places of a host that could not be looked at.', unknown),
    metric('kbin_certificates_listed_at_seconds', 'When the certificates were looked at.', [
      { labels: { cluster }, value: Math.floor(listedAt / 1000) },
    ]),
  ].join('');
}
