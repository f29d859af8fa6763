import { cacheImport, cacheList, cacheVerify } from './cache.ts';
import { CERTS } from './certs/index.ts';
import type { Command } from './command.ts';
import { completion } from './completion.ts';
import { deploy } from './deploy.ts';
import { ETCD } from './etcd/index.ts';
import { exec } from './exec.ts';
import { init } from './init.ts';
import { KUBECONFIG } from './kubeconfig/index.ts';
import { plan } from './plan.ts';
import { reset } from './reset.ts';
import { status } from './status.ts';
import { TOKEN } from './token/index.ts';
import { validate } from './validate.ts';

const FLEET: readonly Command[] = [
  init,
  validate,
  plan,
  deploy,
  status,
  exec,
  ...KUBECONFIG,
  ...CERTS,
  ...TOKEN,
  ...ETCD,
  cacheImport,
  cacheList,
  cacheVerify,
  reset,
];

/** Every command, in the order of --help. */
export const COMMANDS: readonly Command[] = [...FLEET, completion(FLEET)];
