import { KbinError } from '../errors.ts';
import { request } from '../engine/http.ts';
import { METRICS_PORT } from '../engine/probes/etcdMember.ts';
import type { Connection } from '../model/ports.ts';

/** Seconds. Absent while nothing was measured. */
export interface Latency {
  p50: number;
  p99: number;
}

/** How long etcd's disk takes for the log and for the database. */
export interface DiskLatencies {
  walFsync?: Latency;
  backendCommit?: Latency;
}

/** How many were at most this long. */
interface Bucket {
  upTo: number;
  count: number;
}

const HISTOGRAMS = {
  walFsync: 'etcd_disk_wal_fsync_duration_seconds',
  backendCommit: 'etcd_disk_backend_commit_duration_seconds',
} as const;

/** Buckets of a histogram without labels of its own, the smallest first. Source: Prometheus' text format 0.0.4. */
export function bucketsOf(text: string, name: string): Bucket[] {
  const buckets: Bucket[] = [];
  for (const line of text.split('\n')) {
    const [, upTo, count] = line.startsWith(name) ? (/^\w+_bucket\{le="([^"]+)"\} (\S+)/.exec(line) ?? []) : [];
    if (upTo === undefined || !line.startsWith(`${name}_bucket`)) continue;
    buckets.push({ upTo: upTo === '+Inf' ? Infinity : Number(upTo), count: Number(count) });
  }
  return buckets.sort((a, b) => a.upTo - b.upTo);
}

/**
 * A quantile of a histogram as Prometheus' histogram_quantile computes it: linear within the bucket, the largest finite
 * bound for what is beyond it. Undefined when nothing was counted.
 */
export function quantile(buckets: readonly Bucket[], of: number): number | undefined {
  const total = buckets.at(-1)?.count ?? 0;
  if (!(total > 0)) return undefined;
  const rank = of * total;
  const index = buckets.findIndex((bucket) => bucket.count >= rank);
  const [bucket, below] = [buckets[index], buckets[index - 1] ?? { upTo: 0, count: 0 }];
  if (bucket === undefined || bucket.upTo === Infinity) return below.upTo;
  const inBucket = bucket.count - below.count;
  return inBucket === 0 ? below.upTo : below.upTo + ((bucket.upTo - below.upTo) * (rank - below.count)) / inBucket;
}

function latencyOf(name: string, text: string, before: string): Latency | undefined {
  const past = new Map(bucketsOf(before, name).map(({ upTo, count }) => [upTo, count]));
  const buckets = bucketsOf(text, name).map(({ upTo, count }) => ({ upTo, count: count - (past.get(upTo) ?? 0) }));
  const [p50, p99] = [quantile(buckets, 0.5), quantile(buckets, 0.99)];
  return p50 === undefined || p99 === undefined ? undefined : { p50, p99 };
}

/** Of what `/metrics` says: since the member started, or since it said `before`. */
export function diskLatencies(text: string, before = ''): DiskLatencies {
  const walFsync = latencyOf(HISTOGRAMS.walFsync, text, before);
  const backendCommit = latencyOf(HISTOGRAMS.backendCommit, text, before);
  return {
    ...(walFsync === undefined ? {} : { walFsync }),
    ...(backendCommit === undefined ? {} : { backendCommit }),
  };
}

/** Text of a member's `/metrics`, from its own host. Throws UnansweredError, and STEP when it is not served. */
export async function metricsText(connection: Connection, port = METRICS_PORT): Promise<string> {
  const { host } = connection;
  const asked = { connection, address: '127.0.0.1', port, path: '/metrics' };
  const { status, body } = await request({ ...asked, timeoutSeconds: 10 });
  if (status === 200) return body;
  throw new KbinError('STEP', `etcd on ${host} answers ${status} for /metrics on port ${port}`, {
    host,
    hint: 'See that listen-metrics-urls is http://127.0.0.1:2381.',
  });
}
