import type { JsonObject } from './inventory.ts';

/** What the API servers record of every request, and where. */
export interface Audit {
  enabled: boolean;
  /** Text of the operator's policy; absent for kbin's own. */
  policy?: string;
  log: {
    /** On the control planes. */
    path: string;
    maxAgeDays: number;
    maxBackups: number;
    maxSizeMiB: number;
    format: 'json' | 'legacy';
  };
  webhook?: AuditWebhook;
}

/** A service that the API servers send audit events to. */
export interface AuditWebhook {
  /** Kubeconfig on the operator's machine. It can hold secrets, so its text is no part of the inventory. */
  configFile: string;
  mode: 'batch' | 'blocking' | 'blocking-strict';
  initialBackoffSeconds: number;
  batch: {
    bufferSize: number;
    maxSize: number;
    maxWaitSeconds: number;
    throttle: boolean;
    throttleQps: number;
    throttleBurst: number;
  };
}

/** Under this name the certificate store hands out the webhook's kubeconfig, as a key. */
export const AUDIT_WEBHOOK = 'audit-webhook';

/** What servers of Kubernetes and etcd offer. */
export interface Tls {
  minVersion: 'VersionTLS12' | 'VersionTLS13';
  /** Of TLS 1.2, by Go's names; empty with VersionTLS13, whose suites cannot be chosen. */
  cipherSuites: string[];
}

/** Who is known to the API servers beside certificates and ServiceAccounts, as AuthenticationConfiguration has it. */
export interface Authentication {
  anonymous: { enabled: boolean; conditions?: { path: string }[] };
  /** Issuers of tokens, with their authorities in PEM. */
  jwt: JsonObject[];
}
