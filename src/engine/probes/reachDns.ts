import type { Connection } from '../../model/ports.ts';
import { apiPath } from '../apiPaths.ts';
import { request } from '../http.ts';
import { textAt } from '../httpJson.ts';
import {
  eachHost,
  joined,
  passed,
  refused,
  REQUEST_SECONDS,
  type Answer,
  type Answers,
  type ProbeContext,
} from './probe.ts';

const PODS = `${apiPath({ apiVersion: 'v1', resource: 'pods', namespace: 'kube-system' })}?labelSelector=k8s-app%3Dkube-dns`;
const READY_PORT = 8181;

/** A pod anywhere answers this host: the pod network works from here to there. */
async function podAnswer(connection: Connection, address: string): Promise<Answer> {
  const asked = { connection, address, port: READY_PORT, path: '/ready', timeoutSeconds: REQUEST_SECONDS };
  const { status } = await request(asked);
  return status === 200 ? passed(`pod ${address} answers`) : refused(`CoreDNS at ${address} answers ${status}`);
}

/** The Service has rules here and leads to a pod. */
async function serviceAnswer(connection: Connection, address: string): Promise<Answer> {
  const stream = await connection.tunnel(address, 53);
  stream.destroy();
  return passed('the DNS Service answers');
}

/**
 * What can be proved without an image of one's own: from every host, each CoreDNS pod, wherever it runs, and the DNS
 * Service can be reached.
 */
export async function reachDns(context: ProbeContext): Promise<Answers> {
  const { items } = await context.api.list(PODS);
  const addresses = items.map((pod) => textAt(pod, 'status', 'podIP')).filter((address) => address !== '');
  return eachHost(context, async (connection) =>
    joined(
      await Promise.all([
        ...addresses.map((address) => podAnswer(connection, address)),
        serviceAnswer(connection, context.inventory.network.dnsAddress),
      ]),
    ),
  );
}
