import { printable } from '../../model/plainText.ts';
import { apiTls } from '../apiClient.ts';
import { apiPath } from '../apiPaths.ts';
import { textAt } from '../httpJson.ts';
import {
  eachHost,
  expectOk,
  joined,
  passed,
  refused,
  withApi,
  type Answer,
  type Probe,
  type ProbeContext,
} from './probe.ts';

/** leaseDuration of both by default; an older holder may be dead (REFERENCE 3). */
const FRESH_MILLISECONDS = 15_000;

/** KCM has only healthz, which a standby answers too; the scheduler's readyz covers its watchdog and informers. */
const COMPONENTS = [
  { name: 'kube-controller-manager', port: 10257, path: '/healthz' },
  { name: 'kube-scheduler', port: 10259, path: '/readyz' },
] as const;

/** Whether somebody holds the Lease, judged by the apiserver's clock. */
async function leaseAnswer({ api }: ProbeContext, name: string): Promise<Answer> {
  const place = { apiVersion: 'coordination.k8s.io/v1', resource: 'leases', namespace: 'kube-system', name };
  const { status, body, serverTime } = await api.get(apiPath(place));
  if (status === 404) return refused(`${name} has no Lease yet`);
  if (status !== 200) return refused(`the API answers ${status} for the Lease of ${name}`);
  // `host_uuid`; the identity is made of the hostname.
  const [holder = ''] = printable(textAt(body, 'spec', 'holderIdentity'), 100).split('_');
  if (holder === '') return refused(`nobody holds the Lease of ${name}`);
  const age = serverTime - Date.parse(textAt(body, 'spec', 'renewTime'));
  // Also false for a time that cannot be read.
  if (!(age < FRESH_MILLISECONDS)) return refused(`${holder} has not renewed the Lease of ${name} for 15 s`);
  return passed(`${name} led by ${holder}`);
}

/** Both processes of every control plane, and a live leader of each kind. */
export const leases: Probe = async (context) => {
  const processes = await eachHost(context, async (connection) => {
    const { ca } = await apiTls(context.pki, 'admin');
    const tls = { ca, serverName: '127.0.0.1' };
    return joined(await Promise.all(COMPONENTS.map((component) => expectOk(connection, { ...component, tls }))));
  });
  return withApi(context, async () => {
    const held = joined(await Promise.all(COMPONENTS.map(({ name }) => leaseAnswer(context, name))));
    return Object.fromEntries(Object.entries(processes).map(([host, own]) => [host, joined([own, held])]));
  });
};
