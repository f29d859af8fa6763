import { apiTls } from '../apiClient.ts';
import { askLoopback, eachHost, passed, refused, type Answer, type Probe } from './probe.ts';

/** What `/readyz?verbose` said, with the names of the checks that fail. */
export function readyzAnswer({ status, body }: { status: number; body: string }): Answer {
  if (status === 200) return passed('ready');
  if (status === 401) {
    return refused('401: it does not accept our certificate', 'Compare the ca of the PKI directory with the host.');
  }
  if (status === 403) return refused('403: it has no RBAC rules yet');
  const failing = [...body.matchAll(/^\[-\](\S+)/gm)].map((match) => match[1] ?? '');
  if (failing.length === 0) return refused(`/readyz answers ${status}`);
  return refused(`not ready: ${failing.slice(0, 8).join(', ')}${failing.length > 8 ? ', …' : ''}`);
}

/** Each instance by itself, not through the balancer. */
export const apiserver: Probe = async (context) => {
  const { apiPort: port } = context.inventory;
  return eachHost(context, async (connection) => {
    const tls = await apiTls(context.pki, 'admin');
    return readyzAnswer(await askLoopback(connection, { port, path: '/readyz?verbose', tls }));
  });
};
