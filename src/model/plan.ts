import type { Encryption } from './encryption.ts';
import type { HostName } from './inventory.ts';
import type { CertSpec, KeyPairSpec } from './pki.ts';
import type { Gate, PhaseName } from './phase.ts';
import type {
  ApiObject,
  Binary,
  Directory,
  File,
  Image,
  Kernel,
  NodeSettings,
  Pair,
  ResourceId,
  User,
} from './resource.ts';

/** What a step does. Data only: the engine and the script builders interpret it. */
export type Action =
  | { do: 'issue'; spec: CertSpec }
  | { do: 'issue-key'; spec: KeyPairSpec }
  | { do: 'issue-encryption'; encryption: Encryption }
  | { do: 'user'; user: User }
  | { do: 'directory'; directory: Directory }
  | { do: 'file'; file: File }
  | { do: 'pair'; pair: Pair }
  /** Upload to the versioned path. Inert until a link points there, so it runs ahead of everything else. */
  | { do: 'binary'; binary: Binary; sha256: string; bytes: number; compressedBytes: number }
  /** Switch the link of a program to a version. */
  | { do: 'link'; path: string; target: string }
  | { do: 'kernel'; kernel: Kernel }
  | {
      do: 'unit';
      unit: string;
      verb: 'start' | 'restart' | 'reload';
      start: 'ready' | 'queued';
      enable: boolean;
      inputs: UnitInputs;
    }
  | { do: 'enable'; unit: string }
  | { do: 'stop'; unit: string }
  | { do: 'image'; image: Image; sha256: string; bytes: number; compressedBytes: number }
  | { do: 'remove'; path: string }
  | { do: 'apply'; object: ApiObject }
  /** Approve what the kubelet of a host asks for to serve with, as far as it fits the inventory. */
  | { do: 'approve'; kubelet: HostName }
  | { do: 'node'; settings: NodeSettings };

/** sha256 by resource; null while the content does not exist yet (a certificate that this plan issues). */
export type UnitInputs = Record<ResourceId, string | null>;

/** A host's name, `local` for the operator's machine, or `api` for the cluster's API; the inventory refuses hosts of these names. */
export type StepHost = string;

export interface Step {
  id: string;
  host: StepHost;
  phase: PhaseName;
  /** Why it is needed: `missing`, `content differs`, `certificate expires in 12 days`… */
  why: string;
  action: Action;
  /** What the target must still be when the step runs; `absent`, or a sha256. Otherwise: DRIFT. */
  expect?: string;
}

export interface Wave {
  id: string;
  phase: PhaseName;
  /** Waves that must have passed their gates. */
  after: string[];
  steps: Step[];
  /** Hosts that the gate asks. */
  hosts: HostName[];
  /** Those of them that have no step left in this phase: what they serve must be what the store holds. */
  turned?: HostName[];
  gate?: Gate;
}

export interface Plan {
  version: 1;
  cluster: string;
  clusterId: string | null;
  inventoryDigest: string;
  observedAt: number;
  waves: Wave[];
}

export const stepsOf = (plan: Plan): Step[] => plan.waves.flatMap((wave) => wave.steps);
