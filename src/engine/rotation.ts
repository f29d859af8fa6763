import { ROTATIONS, STAGES, stageWord } from '../catalog/rotations.ts';
import { KbinError } from '../errors.ts';
import { ENCRYPTION } from '../model/encryption.ts';
import { generationOf, type CertificateName, type CertSpec, type Rotation, type RotationStage } from '../model/pki.ts';
import { stepsOf } from '../model/plan.ts';
import type { NextGeneration } from '../model/ports.ts';
import { certificateSpecs } from '../pki/catalog.ts';
import { execute, prepare, type Prepared } from './deploy.ts';
import { beforeEncryption, begunAnew } from './encryptionRotation.ts';
import type { Engine } from './engine.ts';
import { type GateOptions, passGates, proveCluster } from './rotationGates.ts';

export interface RotationOptions extends GateOptions {
  /** Stop after this stage; all of them without. */
  until?: RotationStage;
  /** Asked before anything is changed, with the plan of the stage; throws to stop. */
  agree: (stage: RotationStage, prepared: Prepared) => Promise<void>;
  /** The authority that is to be the next generation; kbin makes one without. */
  given?: NonNullable<NextGeneration['given']>;
}

/** The authority and every authority below it, the key pair or the encryption, as the inventory wants them now. */
export function nextGeneration({ inventory, rows }: Engine, name: CertificateName): NextGeneration {
  if (name === ENCRYPTION) return { name, authorities: [], keyPairs: [], encryption: inventory.encryption };
  const { certificates, keyPairs } = certificateSpecs(inventory, rows);
  const members = new Set([name]);
  const authorities: CertSpec[] = [];
  // In issuing order, so that whoever signs comes before what it signs.
  for (const spec of certificates.filter(({ isAuthority }) => isAuthority)) {
    if (spec.name !== name && !members.has(spec.ca ?? '')) continue;
    members.add(spec.name);
    authorities.push(spec);
  }
  return { name, authorities, keyPairs: keyPairs.filter((pair) => pair.name === name) };
}

/** The rotation that is under way; undefined when none is. Throws PKI while another one is: they would mix. */
export async function rotationUnderWay({ pki }: Engine, name: CertificateName): Promise<Rotation | undefined> {
  const rotations = await pki.rotations();
  const other = rotations.find((rotation) => rotation.name !== name);
  if (other === undefined) return rotations[0];
  const title = ROTATIONS[other.name]?.title ?? other.name;
  throw new KbinError(
    'PKI',
    `${title} is being rotated (stage ${stageWord(other.name, other.stage)}), and one thing is rotated at a time`,
    {
      hint: `Finish that rotation first.`,
    },
  );
}

/** A deploy that must reach every host: one that is left out would be cut off by the next stage. */
const prepareAll = (engine: Engine): Promise<Prepared> => prepare(engine, { maxFail: 0 });

/** Plans of a stage until nothing is left: what a program renews by itself may need a second look. */
const ROUNDS = 3;

async function carryOut(engine: Engine, rotation: Rotation, options: RotationOptions): Promise<number> {
  let changed = 0;
  for (let round = 1; ; round += 1) {
    const prepared = await prepareAll(engine);
    if (prepared.plan.waves.length === 0) {
      // The run before may have died at its last gate: what is planned no more is not yet proved.
      if (round === 1) await proveCluster(engine, options);
      break;
    }
    if (round > ROUNDS) {
      const [first] = stepsOf(prepared.plan);
      throw new KbinError(
        'GATE',
        `after ${ROUNDS} deploys ${first?.id ?? ''} is still to be done: ${first?.why ?? ''}`,
        {
          hint: 'Look at that host, then run the same command again: it goes on where it stopped.',
        },
      );
    }
    await options.agree(rotation.stage, prepared);
    const result = await execute(engine, prepared, {
      maxFail: 0,
      ...(options.gateSeconds === undefined ? {} : { gateSeconds: options.gateSeconds }),
    });
    changed += result.changed;
  }
  await passGates(engine, rotation, options);
  return changed;
}

/** @throws KbinError REFUSED when the cluster is not what the inventory says: a rotation must not carry other changes. */
async function assertSettled(engine: Engine): Promise<void> {
  const { plan } = await prepareAll(engine);
  const steps = stepsOf(plan);
  if (steps.length === 0) return;
  throw new KbinError('REFUSED', `the cluster is not as the inventory says: ${steps.length} steps are planned`, {
    evidence: steps.slice(0, 10).map(({ id, why }) => `${id}: ${why}`),
    hint: 'Run kbin deploy first; a rotation changes nothing else.',
  });
}

/** @throws KbinError PKI when an authority was given, and the rotation that is under way leads to another one. */
async function assertSameGiven({ pki }: Engine, { name, stage }: Rotation, { given }: RotationOptions): Promise<void> {
  if (given === undefined) return;
  const certificate = stage === 'trust' ? generationOf(name, 'next') : name;
  const underWay = await pki.read({ certificate, part: 'certificate' });
  if (underWay.reveal() === given.pem) return;
  throw new KbinError('PKI', `${ROTATIONS[name]?.title ?? name} is being rotated already, to another one`, {
    hint: 'Finish that rotation first, without a certificate; then begin the next.',
  });
}

/** The change of the store with which a stage begins. */
async function enter(
  engine: Engine,
  name: CertificateName,
  { stage, given }: { stage: RotationStage; given?: NextGeneration['given'] },
): Promise<Rotation> {
  const { pki, clock } = engine;
  switch (stage) {
    case 'trust':
      await assertSettled(name === ENCRYPTION ? await beforeEncryption(engine) : engine);
      return pki.begin({ ...nextGeneration(engine, name), ...(given === undefined ? {} : { given }) }, clock.now());
    case 'sign':
      return pki.promote(name);
    case 'untrust':
      return pki.distrust(name);
  }
}

/**
 * Takes a rotation from wherever it is to its end, or to the end of a stage: each stage is a change of the store, an
 * ordinary deploy and its gates. Killed anywhere, the same call goes on. Returns how many steps were done.
 */
export async function rotate(engine: Engine, name: CertificateName, options: RotationOptions): Promise<number> {
  const { pki } = engine;
  const underWay = await begunAnew(engine, await rotationUnderWay(engine, name));
  if (underWay !== undefined) await assertSameGiven(engine, underWay, options);
  const last = STAGES.indexOf(options.until ?? 'untrust');
  const first = underWay === undefined ? 0 : STAGES.indexOf(underWay.stage);
  let changed = 0;
  for (const [index, stage] of STAGES.entries()) {
    if (index < first || index > last) continue;
    const rotation =
      index === first && underWay !== undefined ? underWay : await enter(engine, name, { ...options, stage });
    options.tell(`${ROTATIONS[name]?.title ?? name}: ${stageWord(name, stage)}`);
    changed += await carryOut(engine, rotation, options);
  }
  if (last === STAGES.length - 1) await pki.end(name);
  return changed;
}
