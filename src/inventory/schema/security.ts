import { z } from 'zod';
import { quoted } from '../fault.ts';
import { DEFAULTS } from '../defaults.ts';
import { didYouMean } from '../suggest.ts';
import { hostPath, localPath } from './texts.ts';
import { choice, flag, list, may, must, section, whole, wrong } from './words.ts';

const { audit: defaults } = DEFAULTS;
const FILE = 'Read on the operator’s machine.';

const log = section({
  path: may(hostPath(), 'File on the control planes; rotated ones stand beside it.', { default: defaults.log.path }),
  maxAgeDays: may(whole(0, 36500, 'a number of days'), 'Age at which rotated files go; 0 keeps them.', {
    default: defaults.log.maxAgeDays,
  }),
  maxBackups: may(whole(0, 100000, 'a number of files'), 'How many rotated files stay; 0 keeps all.', {
    default: defaults.log.maxBackups,
  }),
  maxSizeMiB: may(whole(1, 1048576, 'a size in MiB'), 'Size at which the file is rotated.', {
    default: defaults.log.maxSizeMiB,
  }),
  format: may(choice(['json', 'legacy'], 'a format of the audit log'), 'legacy: one line of text an event.', {
    default: defaults.log.format,
  }),
});

const batch = section({
  bufferSize: may(whole(1, 10000000, 'a number of events'), 'Events that wait; more are dropped.', {
    default: defaults.batch.bufferSize,
  }),
  maxSize: may(whole(1, 1000000, 'a number of events'), 'Events sent together.', { default: defaults.batch.maxSize }),
  maxWaitSeconds: may(whole(1, 86400, 'a time in seconds'), 'Longest time that an event waits for others.', {
    default: defaults.batch.maxWaitSeconds,
  }),
  throttle: may(flag(), 'Whether the rate of batches is limited.', { default: defaults.batch.throttle }),
  throttleQps: may(whole(1, 100000, 'a number of batches'), 'Batches a second, on average.', {
    default: defaults.batch.throttleQps,
  }),
  throttleBurst: may(whole(1, 100000, 'a number of batches'), 'Batches at once after a pause.', {
    default: defaults.batch.throttleBurst,
  }),
});

const webhook = section({
  configFile: must(
    localPath(),
    `Kubeconfig of the service. ${FILE} Its text is secret. Files that it names are on the control planes.`,
    { examples: ['secrets/audit-webhook.conf'] },
  ),
  mode: may(
    choice(['batch', 'blocking', 'blocking-strict'], 'a mode of the webhook'),
    'batch: sent later and together. blocking: before the answer. blocking-strict: and the request fails with it.',
    { default: defaults.webhook.mode },
  ),
  initialBackoffSeconds: may(whole(1, 3600, 'a time in seconds'), 'Pause before the first retry.', {
    default: defaults.webhook.initialBackoffSeconds,
  }),
  batch: may(batch, 'For the mode batch.'),
});

export const audit = section({
  enabled: may(flag(), 'Whether requests are recorded at all.', { default: true }),
  policyFile: may(localPath(), `Policy of audit.k8s.io/v1. ${FILE}`, {
    otherwise: 'kbin’s own: who did what and when, never a body',
    examples: ['audit-policy.yaml'],
  }),
  log: may(log, 'Log on each control plane.'),
  webhook: may(webhook, 'A service that gets the events as well.'),
});

/** Suites of TLS 1.2 that Go does not call insecure. Source: Go 1.26 crypto/tls, CipherSuites(). */
export const SUITES = [
  ...DEFAULTS.tls.cipherSuites,
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
] as const;

const TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
/** Without forward secrecy, RC4, 3DES, CBC with SHA-256. Source: InsecureCipherSuites(). */
const INSECURE =
  /^TLS_(?:RSA_WITH_AES_(?:128_GCM_SHA256|256_GCM_SHA384|(?:128|256)_CBC_SHA)|(?:(?:ECDHE_)?RSA|ECDHE_ECDSA)_WITH_(?:RC4_128_SHA|3DES_EDE_CBC_SHA|AES_128_CBC_SHA256))$/;

function suiteError({ input }: { input?: unknown }): string {
  if (typeof input !== 'string') return wrong('a cipher suite', `Write a name, such as ${SUITES[0]}.`)({ input });
  if (TLS13.includes(input)) {
    return `${quoted(input)} is of TLS 1.3, whose suites are always on.\nRemove it; this list is for TLS 1.2.`;
  }
  if (INSECURE.test(input)) return `${quoted(input)} is insecure.\nWrite one of those in docs/reference.md.`;
  return wrong('a cipher suite', didYouMean(input, SUITES))({ input });
}

export const tls = section({
  minVersion: may(
    choice(['VersionTLS12', 'VersionTLS13'], 'a version of TLS'),
    'Oldest version that servers accept: kube-apiserver, controllers, scheduler, kubelets, etcd.',
    { default: DEFAULTS.tls.minVersion },
  ),
  cipherSuites: may(
    list(z.enum(SUITES, { error: suiteError }), 'Write names of suites.').min(1, {
      error: 'an empty list.\nWrite names of suites, or leave the key out.',
    }),
    'Suites of TLS 1.2 that they accept, by Go’s names. Not with VersionTLS13, whose suites cannot be chosen.',
    { default: DEFAULTS.tls.cipherSuites },
  ),
});
