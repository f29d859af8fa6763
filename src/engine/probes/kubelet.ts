import { eachHost, expectOk, type Answer, type Probe } from './probe.ts';
import type { Connection } from '../../model/ports.ts';

/** A ping: the process is up, no more (REFERENCE 3). What it does shows in its Node. */
export const kubeletAnswer = (connection: Connection): Promise<Answer> =>
  expectOk(connection, { name: 'kubelet', port: 10248, path: '/healthz' });

export const kubelet: Probe = (context) => eachHost(context, kubeletAnswer);
