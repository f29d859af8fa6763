import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { Resource } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords, type Flags } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { clientInputs, FRONT_PROXY_FLAGS, hostPair, PKI, servingFlags } from './pki.ts';
import { kubernetesProgram } from './programs.ts';
import { textFile } from './resources.ts';
import { service } from './service.ts';

const PHASE = 'controllers';

const schedulerConfig = (kubeconfigPath: string): JsonObject => ({
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  clientConnection: { kubeconfig: kubeconfigPath },
  enableProfiling: false,
  leaderElection: { leaderElect: true },
});

/** kube-scheduler of a control plane. */
export function schedulerResources(context: Context): Resource[] {
  const program = kubernetesProgram(context, 'kube-scheduler', PHASE);
  const { file: access, client } = kubeconfig(context, { phase: PHASE, name: 'scheduler', server: 'own' });
  const serving = hostPair(context, PHASE, 'scheduler-serving');
  const config = textFile(
    PHASE,
    join(PLACES.kubernetes, 'scheduler.yaml'),
    context.write.yaml(merged(schedulerConfig(access.path), overrideOf(context, 'kube-scheduler').config)),
  );
  const flags: Flags = {
    ...servingFlags(context, serving),
    // Without both CA files a scheduler that starts before its apiserver runs on without client certificates.
    'client-ca-file': PKI.clientCa,
    ...FRONT_PROXY_FLAGS,
    'authentication-kubeconfig': access.path,
    'authorization-kubeconfig': access.path,
    'bind-address': '127.0.0.1',
    config: config.path,
  };
  return [
    program,
    client,
    serving,
    access,
    config,
    ...service(context, {
      component: 'kube-scheduler',
      phase: PHASE,
      template: 'kube-scheduler/kube-scheduler.service.hbs',
      words: [program.link, ...flagWords(flagsOf(context, 'kube-scheduler', flags))],
      restartsOn: [program.id, config.id, access.id, ...clientInputs(client)],
    }),
  ];
}
