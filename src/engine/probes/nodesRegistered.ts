import type { Connection } from '../../model/ports.ts';
import type { Json } from '../../model/inventory.ts';
import { field, isJsonObject, parseJson, textAt } from '../httpJson.ts';
import { kubeletAnswer } from './kubelet.ts';
import { nodesOfHosts } from './nodes.ts';
import { askLoopback, eachHost, joined, passed, refused, withApi, type Answer, type Probe } from './probe.ts';

/**
 * kube-proxy says 200 before it wrote its first rule; only then `status` names an IP family (REFERENCE 3). It waits for
 * its Node, not for the network, so this can be asked before there is a CNI.
 */
async function kubeProxyAnswer(connection: Connection): Promise<Answer> {
  const { status, body } = await askLoopback(connection, { port: 10256, path: '/healthz' });
  if (status !== 200) return refused(`kube-proxy answers ${status} at /healthz`);
  const families = field(parseJson(body), 'status');
  const isSynced = isJsonObject(families) && Object.keys(families).length > 0;
  return isSynced ? passed('kube-proxy is ok') : refused('kube-proxy has not written its rules yet');
}

/** flannel starts only on a Node that the controller-manager has given its part of the pod network. */
function nodeAnswer(node: Json | undefined, needsPodCidr: boolean): Answer {
  if (node === undefined) return refused('its Node does not exist yet');
  const isGiven = !needsPodCidr || textAt(node, 'spec', 'podCIDR') !== '';
  return isGiven ? passed('registered') : refused('its Node has no podCIDR yet');
}

/** The kubelet runs, its Node exists and has its pod addresses, kube-proxy has written its rules. */
export const nodesRegistered: Probe = async (context) => {
  const own = eachHost(context, async (connection) =>
    joined(await Promise.all([kubeletAnswer(connection), kubeProxyAnswer(connection)])),
  );
  const needsPodCidr = context.inventory.network.cni.name === 'flannel';
  const registered = withApi(context, async () => {
    const { byName } = await nodesOfHosts(context);
    return Object.fromEntries(context.hosts.map((host) => [host, nodeAnswer(byName.get(host), needsPodCidr)]));
  });
  const [processes, nodes] = await Promise.all([own, registered]);
  return Object.fromEntries(
    // A kubelet that is down is why there is no Node, so that comes first.
    context.hosts.map((host) => [
      host,
      joined([processes[host], nodes[host]].filter((answer) => answer !== undefined)),
    ]),
  );
};
