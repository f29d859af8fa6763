import { dirname, join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Directory, File } from '../model/resource.ts';
import { AUDIT_WEBHOOK, type AuditWebhook } from '../model/security.ts';
import type { Context } from './context.ts';
import type { Flags } from './flags.ts';
import { directory, pemFile, privateFile } from './resources.ts';

const PHASE: PhaseName = 'apiserver';
const POLICY = join(PLACES.kubernetes, 'audit-policy.yaml');
const WEBHOOK = join(PLACES.kubernetes, 'audit-webhook.conf');
const LOGS = '/var/log/kubernetes';

/** What auditing adds to an apiserver. */
export interface AuditParts {
  directories: Directory[];
  /** Read at the start only (REFERENCE 1.2). */
  files: File[];
  flags: Flags;
}

const batchFlags = ({ bufferSize, maxSize, maxWaitSeconds, ...limits }: AuditWebhook['batch']): Flags => ({
  'audit-webhook-batch-buffer-size': String(bufferSize),
  'audit-webhook-batch-max-size': String(maxSize),
  'audit-webhook-batch-max-wait': `${maxWaitSeconds}s`,
  'audit-webhook-batch-throttle-enable': String(limits.throttle),
  ...(limits.throttle
    ? {
        'audit-webhook-batch-throttle-qps': String(limits.throttleQps),
        'audit-webhook-batch-throttle-burst': String(limits.throttleBurst),
      }
    : {}),
});

const webhookFlags = ({ mode, initialBackoffSeconds, batch }: AuditWebhook): Flags => ({
  'audit-webhook-config-file': WEBHOOK,
  'audit-webhook-mode': mode,
  'audit-webhook-initial-backoff': `${initialBackoffSeconds}s`,
  ...(mode === 'batch' ? batchFlags(batch) : {}),
});

/** Policy, log and webhook as the inventory has them; nothing where auditing is off. */
export function auditParts({ inventory: { audit }, render }: Context): AuditParts {
  if (!audit.enabled) return { directories: [], files: [], flags: {} };
  const { policy, log, webhook } = audit;
  const flags = {
    'audit-policy-file': POLICY,
    'audit-log-path': log.path,
    'audit-log-maxage': String(log.maxAgeDays),
    'audit-log-maxbackup': String(log.maxBackups),
    'audit-log-maxsize': String(log.maxSizeMiB),
    ...(log.format === 'json' ? {} : { 'audit-log-format': log.format }),
    ...(webhook === undefined ? {} : webhookFlags(webhook)),
  };
  return {
    // Any other folder can be somebody else's; kube-apiserver makes one that is missing, 0700.
    directories: dirname(log.path) === LOGS ? [directory(PHASE, LOGS, '0700')] : [],
    files: [
      privateFile(PHASE, POLICY, policy ?? render('kube-apiserver/audit-policy.yaml.hbs')),
      ...(webhook === undefined ? [] : [pemFile(PHASE, WEBHOOK, { certificate: AUDIT_WEBHOOK, part: 'key' })]),
    ],
    flags,
  };
}
