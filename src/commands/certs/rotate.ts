import { ROTATIONS, STAGES, stageWord } from '../../catalog/rotations.ts';
import type { Engine } from '../../engine/engine.ts';
import { rotate, rotationUnderWay } from '../../engine/rotation.ts';
import { storedResources, storedText } from '../../engine/storedObjects.ts';
import { ENCRYPTION } from '../../model/encryption.ts';
import type { CertificateName, RotationStage } from '../../model/pki.ts';
import {
  FLEET_OPTIONS,
  INVENTORY_OPTION,
  flag,
  number,
  text,
  type Arguments,
  type Command,
  type Option,
} from '../command.ts';
import { assertWanted } from '../deploy.ts';
import { withRun, type RunSession } from '../run.ts';
import { IDENTITY_OPTION } from '../unlock.ts';
import { givenNext } from './rotateTo.ts';

const OPTIONS: Record<string, Option> = {
  ...INVENTORY_OPTION,
  ...FLEET_OPTIONS,
  ...IDENTITY_OPTION,
  stage: { type: 'string', describe: 'stop after this stage; all of them without', choices: STAGES },
  status: { type: 'boolean', describe: 'only say how far it is', default: false },
  'gate-seconds': { type: 'number', describe: 'how long every gate waits, instead of its own limit' },
  yes: { type: 'boolean', alias: 'y', describe: 'do not ask', default: false },
};

const MEANING: Readonly<Record<RotationStage, string>> = {
  trust: 'the new generation is being trusted beside the one that signs',
  sign: 'the new generation signs; what the old one signed is being replaced',
  untrust: 'the old generation is being forgotten',
};

const MEANING_OF_KEYS: Readonly<Record<RotationStage, string>> = {
  trust: 'every API server is being told the new key beside the one that writes',
  sign: 'the new key writes; what is under the old one is being written again',
  untrust: 'the old key is being forgotten',
};

/** What etcd itself holds, resource by resource. */
async function tellStored(engine: Engine, print: (line: string) => void): Promise<void> {
  const { inventory, pki, world } = engine;
  const encryption = await pki.encryption();
  if (encryption === null) return print('Nothing is known of it yet: kbin deploy makes the first key.');
  const source = { inventory, api: world.api(new Set()), heads: world.storedHeads };
  for (const found of await storedResources(source, encryption)) print(`etcd holds ${storedText(found)}`);
}

async function tellStatus(session: RunSession, name: CertificateName): Promise<number> {
  const rotation = await rotationUnderWay(session.engine, name);
  const title = ROTATIONS[name]?.title ?? name;
  session.print(
    rotation === undefined
      ? `${title} is not being rotated.`
      : `${title}: stage ${stageWord(name, rotation.stage)} since ${new Date(rotation.startedAt).toISOString()}: ${(name === ENCRYPTION ? MEANING_OF_KEYS : MEANING)[rotation.stage]}.`,
  );
  if (name === ENCRYPTION) await tellStored(session.engine, session.print);
  return 0;
}

/** What holders of certificates have to do themselves: kbin does not know where their files are. */
const AFTERWARDS: Readonly<Record<CertificateName, string>> = {
  [ENCRYPTION]:
    'The old key is kept in retired/ of the certificate store: an etcd snapshot from before is worth nothing without it.',
  ca: 'Kubeconfigs that were handed out hold the old CA: issue them again (kbin kubeconfig, kbin kubeconfig issue).',
};

async function rotateIn(session: RunSession, name: CertificateName, args: Arguments): Promise<number> {
  if (flag(args, 'status')) return tellStatus(session, name);
  const given = await givenNext(session.engine, name, args);
  for (const note of given?.notes ?? []) session.print(`warning: ${note}`);
  const asked = text(args, 'stage');
  const until = STAGES.find((stage) => stageWord(name, stage) === asked);
  const gateSeconds = number(args, 'gate-seconds');
  const run = async (): Promise<number> => {
    const changed = await rotate(session.engine, name, {
      ...(until === undefined ? {} : { until }),
      ...(gateSeconds === undefined ? {} : { gateSeconds }),
      restartsWorkloads: flag(args, 'restart-workloads'),
      ...(given === undefined ? {} : { given }),
      agree: async (_, prepared) => {
        if (!flag(args, 'yes')) await assertWanted(session, prepared);
      },
      tell: session.print,
    });
    session.result = { changed, failed: new Map() };
    session.print(`Done: ${changed} steps.`);
    if (name === ENCRYPTION) await tellStored(session.engine, session.print);
    const afterwards = AFTERWARDS[name];
    if (afterwards !== undefined && (until === undefined || until === 'untrust')) session.print(afterwards);
    return 0;
  };
  return run();
}

const AUTHORITIES: Readonly<Record<string, CertificateName>> = {
  kubernetes: 'ca',
  etcd: 'etcd-ca',
  'front-proxy': 'front-proxy-ca',
};

export const rotateCa: Command = {
  usage: 'certs rotate-ca',
  describe: 'replace an authority: trust both, issue again, drop the old one',
  options: {
    ...OPTIONS,
    'restart-workloads': {
      type: 'boolean',
      describe: 'restart every Deployment, StatefulSet and DaemonSet: their API clients may read the CA only once',
      default: false,
    },
    ca: { type: 'string', describe: 'which', required: true, choices: Object.keys(AUTHORITIES) },
    cert: {
      type: 'string',
      describe: 'certificate of an authority of your own that takes its place, PEM; kbin makes one without',
    },
    key: { type: 'string', describe: 'its key, PEM' },
    chain: { type: 'string', describe: 'certificates above it up to the root, when it does not sign itself' },
  },
  run: (args) =>
    withRun(args, 'certs rotate-ca', (session) => rotateIn(session, AUTHORITIES[text(args, 'ca') ?? ''] ?? '', args)),
};

export const rotateSa: Command = {
  usage: 'certs rotate-sa',
  describe: 'replace the key that signs ServiceAccount tokens, without invalidating one',
  options: OPTIONS,
  run: (args) => withRun(args, 'certs rotate-sa', (session) => rotateIn(session, 'sa', args)),
};

export const rotateEncryption: Command = {
  usage: 'certs rotate-encryption',
  describe: 'replace the key of what etcd holds, or its provider: write every object again, prove it, drop the old key',
  options: {
    ...OPTIONS,
    stage: {
      type: 'string',
      describe: 'stop after this stage; all of them without',
      choices: STAGES.map((stage) => stageWord(ENCRYPTION, stage)),
    },
    status: {
      type: 'boolean',
      describe: 'only say how far it is, and under what etcd has each object',
      default: false,
    },
  },
  run: (args) => withRun(args, 'certs rotate-encryption', (session) => rotateIn(session, ENCRYPTION, args)),
};
