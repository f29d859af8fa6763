import type { Inventory, Json } from '../../model/inventory.ts';
import { printable } from '../../model/plainText.ts';
import { objectsAt, textAt } from '../httpJson.ts';
import { kubeletAnswer } from './kubelet.ts';
import { nodesOfHosts, objectsOfHosts } from './nodes.ts';
import { eachHost, joined, passed, refused, withApi, type Answer, type Probe } from './probe.ts';

/** leaseDurationSeconds of a kubelet: Ready stays True some 50 s after a kubelet died (REFERENCE 3). */
const LEASE_MILLISECONDS = 40_000;
const NOT_USABLE: ReadonlySet<string> = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']);

const withoutV = (version: string): string => version.replace(/^v/, '');

function versionAnswer(node: Json, inventory: Inventory): Answer {
  const running = withoutV(textAt(node, 'status', 'nodeInfo', 'kubeletVersion'));
  const wanted = withoutV(inventory.versions.kubernetes);
  return running === wanted
    ? passed(`kubelet v${running}`)
    : refused(`kubelet is v${printable(running, 40)}, the inventory says v${wanted}`);
}

function readyAnswer(node: Json): Answer {
  const ready = objectsAt(node, 'status', 'conditions').find((condition) => condition['type'] === 'Ready');
  if (ready === undefined) return refused('its Node has no Ready condition yet');
  if (ready['status'] !== 'True') return refused(`not Ready: ${printable(textAt(ready, 'message'), 200)}`);
  const taint = objectsAt(node, 'spec', 'taints').find(({ key }) => typeof key === 'string' && NOT_USABLE.has(key));
  return taint === undefined ? passed('Ready') : refused(`tainted ${textAt(taint, 'key')}`);
}

const heartbeat = (node: Json): string =>
  textAt(
    objectsAt(node, 'status', 'conditions').find((condition) => condition['type'] === 'Ready'),
    'lastHeartbeatTime',
  );

/** A kubelet makes its Lease up to 7 s after its Node (its back-off); until then the Node's own heartbeat counts. */
function leaseAnswer(lease: Json | undefined, node: Json, serverTime: number): Answer {
  const renewed = lease === undefined ? heartbeat(node) : textAt(lease, 'spec', 'renewTime');
  const age = serverTime - Date.parse(renewed);
  // Also false for a time that is missing.
  return age < LEASE_MILLISECONDS ? passed('alive') : refused('its kubelet has not renewed its Lease for 40 s');
}

/** Nodes that pods can run on, with the kubelet that the inventory names. Without a CNI of kbin's, only the latter. */
export const nodesReady: Probe = async (context) => {
  const { inventory } = context;
  const hasNetwork = inventory.network.cni.name !== 'none';
  const nodes = withApi(context, async () => {
    const [{ byName, serverTime }, held] = await Promise.all([
      nodesOfHosts(context),
      objectsOfHosts(context, {
        apiVersion: 'coordination.k8s.io/v1',
        resource: 'leases',
        namespace: 'kube-node-lease',
      }),
    ]);
    const answerOf = (host: string): Answer => {
      const node = byName.get(host);
      if (node === undefined) return refused('its Node does not exist');
      const alive = [versionAnswer(node, inventory), leaseAnswer(held.byName.get(host), node, serverTime)];
      if (hasNetwork) return joined([readyAnswer(node), ...alive]);
      return joined([...alive, passed('readiness is not asked: the inventory says cni: none')]);
    };
    return Object.fromEntries(context.hosts.map((host) => [host, answerOf(host)]));
  });
  const [processes, answers] = await Promise.all([eachHost(context, kubeletAnswer), nodes]);
  return Object.fromEntries(
    context.hosts.map((host) => [
      host,
      joined([processes[host], answers[host]].filter((answer) => answer !== undefined)),
    ]),
  );
};
