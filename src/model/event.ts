import type { HostName } from './inventory.ts';
import type { PhaseName } from './phase.ts';

/** What the engine tells the terminal, the JSON stream, the timeline and the audit record. */
export type Event =
  | { type: 'run'; command: string; cluster: string; hosts: HostName[]; at: number }
  | { type: 'host'; host: HostName; state: 'connecting' | 'observed' | 'failed'; message?: string; at: number }
  | {
      type: 'planned';
      steps: number;
      waves: number;
      hosts: number;
      /** What the plan sends, compressed. */
      uploadBytes?: number;
      clusterId?: string;
      /** sha256 of the plan's text, hex: the audit record names what was executed. */
      planDigest?: string;
      at: number;
    }
  | {
      type: 'wave';
      wave: string;
      phase: PhaseName;
      state: 'started' | 'applied' | 'done' | 'failed';
      steps: number;
      /** Hosts that have steps in it. */
      hosts?: number;
      at: number;
    }
  | {
      type: 'apply';
      wave: string;
      phase: PhaseName;
      host: string;
      state: 'started' | 'done' | 'failed';
      steps: number;
      message?: string;
      at: number;
    }
  | {
      type: 'upload';
      host: HostName;
      artifact: string;
      bytes: number;
      compressedBytes: number;
      state: 'started' | 'done' | 'failed';
      message?: string;
      at: number;
    }
  | {
      type: 'gate';
      wave: string;
      phase: PhaseName;
      probe: string;
      state: 'waiting' | 'passed' | 'failed';
      /** By host. While it waits: of the hosts that keep it from passing. */
      answers: Record<string, string>;
      at: number;
    }
  | { type: 'step'; step: string; host: string; verb: string; result: 'done' | 'failed'; at: number }
  | { type: 'warning'; message: string; host?: HostName; at: number }
  | {
      type: 'finished';
      ok: boolean;
      exitCode: number;
      seconds: number;
      changed: number;
      failedHosts: HostName[];
      at: number;
    };

export type Emit = (event: Event) => void;
