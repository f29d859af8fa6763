import type { ComponentName } from '../../model/inventory.ts';
import { describePath, keyComplaint, type Complaint } from '../fault.ts';
import { levelsOf } from './components.ts';
import type { Check, Ground } from './ground.ts';

/** A key of the inventory, and what an override of a component would call the same. */
interface Twin {
  path: readonly string[];
  components: readonly ComponentName[];
  /** Flags, in `args`, and in `config` of what is configured by flags. */
  flags?: readonly string[];
  /** Keys of the component's own configuration file. */
  config?: readonly string[];
}

const apiserver = (path: string, ...flags: string[]): Twin => ({
  path: path.split('.'),
  components: ['kube-apiserver'],
  flags,
});

const TLS_SERVERS: readonly ComponentName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
];
const OIDC = ['ca-file', 'client-id', 'groups-claim', 'groups-prefix', 'issuer-url', 'required-claim', 'signing-algs'];
const AUTHENTICATION = [
  ...['anonymous-auth', 'authentication-config', 'oidc-username-claim', 'oidc-username-prefix'],
  ...OIDC.map((name) => `oidc-${name}`),
];

const TWINS: readonly Twin[] = [
  {
    path: ['certificates', 'kubeletServing'],
    components: ['kubelet'],
    config: ['serverTLSBootstrap', 'tlsCertFile', 'tlsPrivateKeyFile'],
  },
  apiserver('certificates.kubeletServing', 'kubelet-certificate-authority'),
  {
    path: ['tls', 'minVersion'],
    components: TLS_SERVERS,
    flags: ['tls-min-version', 'tls-max-version'],
    config: ['tlsMinVersion'],
  },
  {
    path: ['tls', 'cipherSuites'],
    components: TLS_SERVERS,
    flags: ['tls-cipher-suites', 'cipher-suites'],
    config: ['tlsCipherSuites'],
  },
  apiserver('audit.enabled', 'audit-policy-file', 'audit-log-path', 'audit-webhook-config-file'),
  apiserver('audit.policyFile', 'audit-policy-file'),
  apiserver('audit.log.path', 'audit-log-path'),
  apiserver('audit.log.maxAgeDays', 'audit-log-maxage'),
  apiserver('audit.log.maxBackups', 'audit-log-maxbackup'),
  apiserver('audit.log.maxSizeMiB', 'audit-log-maxsize'),
  apiserver('audit.log.format', 'audit-log-format'),
  apiserver('audit.webhook.configFile', 'audit-webhook-config-file'),
  apiserver('audit.webhook.mode', 'audit-webhook-mode'),
  apiserver(
    'audit.webhook.initialBackoffSeconds',
    'audit-webhook-initial-backoff',
    'audit-webhook-batch-initial-backoff',
  ),
  apiserver('audit.webhook.batch.bufferSize', 'audit-webhook-batch-buffer-size'),
  apiserver('audit.webhook.batch.maxSize', 'audit-webhook-batch-max-size'),
  apiserver('audit.webhook.batch.maxWaitSeconds', 'audit-webhook-batch-max-wait'),
  apiserver('audit.webhook.batch.throttle', 'audit-webhook-batch-throttle-enable'),
  apiserver('audit.webhook.batch.throttleQps', 'audit-webhook-batch-throttle-qps'),
  apiserver('audit.webhook.batch.throttleBurst', 'audit-webhook-batch-throttle-burst'),
  apiserver('authentication.anonymous', ...AUTHENTICATION),
  apiserver('authentication.oidc', ...AUTHENTICATION),
  apiserver('authentication.configFile', ...AUTHENTICATION),
  apiserver('encryption.provider', 'encryption-provider-config'),
  apiserver('encryption.resources', 'encryption-provider-config'),
  apiserver('encryption.kms', 'encryption-provider-config'),
];

const isThere = (value: unknown, [step, ...rest]: readonly string[]): boolean =>
  step === undefined || (isMapping(value) && step in value && isThere(value[step], rest));
const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Overrides win over what kbin writes, but of two things that the operator wrote none can be meant to be ignored. */
export const checkTwice: Check = (ground) =>
  TWINS.filter(({ path }) => isThere(ground.draft, path)).flatMap((twin) => overridesOf(ground, twin));

function overridesOf(ground: Ground, { path, components, flags = [], config = [] }: Twin): Complaint[] {
  const names = [...flags, ...config];
  const same = `${describePath(path)} (line ${ground.lineOf(path)}) says this as well.`;
  return levelsOf(ground).flatMap((level) =>
    components.flatMap((component) =>
      (['args', 'config'] as const).flatMap((part) =>
        names
          .filter((name) => isThere(level.components, [component, part, name]))
          .map((name) => keyComplaint([...level.path, component, part, name], same, 'Keep one of them.')),
      ),
    ),
  );
}
