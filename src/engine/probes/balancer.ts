import { apiTls } from '../apiClient.ts';
import { readyzAnswer } from './apiserver.ts';
import { askLoopback, eachHost, expectOk, passed, type Probe } from './probe.ts';

/** haproxy itself, then the API through it. */
export const balancer: Probe = (context) =>
  eachHost(context, async (connection) => {
    const { balancerPort: port } = context.inventory;
    const alive = await expectOk(connection, { name: 'balancer', port: port + 1, path: '/alive' });
    if (!alive.ok) return alive;
    const tls = await apiTls(context.pki, 'admin');
    const ready = readyzAnswer(await askLoopback(connection, { port, path: '/readyz?verbose', tls }));
    return ready.ok ? passed('reaches the API') : { ...ready, text: `the API through the balancer: ${ready.text}` };
  });
