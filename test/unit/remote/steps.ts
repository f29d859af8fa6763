import { createHash } from 'node:crypto';
import { KbinError } from '../../../src/errors.ts';
import type { Owned } from '../../../src/model/facts.ts';
import type { Action, Step } from '../../../src/model/plan.ts';
import {
  applyPayload,
  parseApply,
  type ApplyBody,
  type ApplyInput,
  type ApplyResult,
} from '../../../src/remote/apply.ts';
import { OWNER, type Sandbox } from './sandbox.ts';

export const HOST = 'cp-1';
export const sha = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

const base = (kind: string, name: string) => ({ id: `${kind}:${name}`, phase: 'host' as const });

export const step = (action: Action, id: string, expect?: string): Step => ({
  id: `${HOST}/${id}`,
  host: HOST,
  phase: 'host',
  why: 'missing',
  action,
  ...(expect === undefined ? {} : { expect }),
});

export const fileStep = (path: string, expect?: string, mode = '0644'): Step =>
  step(
    { do: 'file', file: { ...base('file', path), kind: 'file', path, mode, owner: OWNER, body: { text: '' } } },
    `file:${path}`,
    expect,
  );

export const directoryStep = (path: string, mode = '0755'): Step =>
  step(
    { do: 'directory', directory: { ...base('directory', path), kind: 'directory', path, mode, owner: OWNER } },
    `directory:${path}`,
  );

export const linkStep = (path: string, target: string): Step => step({ do: 'link', path, target }, `link:${path}`);

export const PAIRS = '/etc/kubernetes/pki/.pairs';

export const pairStep = (path: string): Step =>
  step(
    {
      do: 'pair',
      pair: { ...base('pair', path), kind: 'pair', path, pairsDir: PAIRS, owner: OWNER, certificate: 'x' },
    },
    `pair:${path}`,
  );

export const unitStep = (unit: string, more: Partial<Extract<Action, { do: 'unit' }>> = {}): Step =>
  step({ do: 'unit', unit, verb: 'restart', start: 'ready', enable: false, inputs: {}, ...more }, `unit:${unit}`);

export const ownedOf = (paths: string[] = [], units: string[] = []): Owned => ({
  version: 1,
  cluster: { name: 'prod', id: 'abc' },
  host: HOST,
  paths,
  units,
});

export const content = (text: string): ApplyBody => ({ content: Buffer.from(text) });

export const applyInput = (
  steps: Step[],
  bodies: Record<string, ApplyBody> = {},
  more: Partial<ApplyInput> = {},
): ApplyInput => ({
  host: HOST,
  run: 'run-1',
  token: 5,
  owned: ownedOf(),
  steps,
  bodies: new Map(Object.entries(bodies).map(([id, body]) => [`${HOST}/${id}`, body])),
  stamps: new Map(steps.map(({ id }) => [id, 'd'.repeat(64)])),
  unsettles: [],
  ...more,
});

export async function apply(
  box: Sandbox,
  input: ApplyInput,
  shell?: readonly string[],
  env?: Record<string, string>,
): Promise<ApplyResult & { exitCode: number; stderr: string }> {
  const payload = await applyPayload(input);
  const output = await box.run(payload.script, {
    input: payload.input,
    ...(shell === undefined ? {} : { shell }),
    ...(env === undefined ? {} : { env }),
  });
  return { ...parseApply(output), exitCode: output.exitCode, stderr: output.stderr };
}

/** Code of the KbinError that a call throws. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof KbinError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}
