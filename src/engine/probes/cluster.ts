import { randomBytes } from 'node:crypto';
import { KbinError } from '../../errors.ts';
import { isNode, type JsonObject } from '../../model/inventory.ts';
import { apiPath } from '../apiPaths.ts';
import { field, objectsAt, textAt } from '../httpJson.ts';
import { reachDns } from './reachDns.ts';
import {
  forAllHosts,
  passed,
  refused,
  withApi,
  type Answer,
  type Answers,
  type Probe,
  type ProbeContext,
} from './probe.ts';
import {
  checkerName,
  checkerPod,
  PROOF_LABEL,
  proofNamespace,
  proofSurroundings,
  serverName,
  serverPods,
  type Proof,
} from './proofObjects.ts';
import {
  checkFailed,
  isFinished,
  notRunning,
  phaseOf,
  podsUntil,
  servingAddress,
  spread,
  type Pods,
} from './proofPods.ts';

const MOST_NODES = 5;
/** One proof; it is repeated with new pods until the gate's time is over. */
const PROOF_MILLISECONDS = 60_000;
/** Even one that starts when the gate's time is nearly over gets so long. */
const LEAST_MILLISECONDS = 10_000;
/** A proof that was killed leaves its namespace behind. */
const STALE_MILLISECONDS = 3_600_000;
const NAMESPACES = apiPath({ apiVersion: 'v1', resource: 'namespaces' });

interface Servers {
  pods: Pods;
  /** By the place of the node. */
  addresses: string[];
  /** Address of the Service. */
  service: string;
}

interface ChecksInput {
  servers: Servers;
  deadline: number;
}

async function dnsAnswer({ api }: ProbeContext): Promise<Answer> {
  const place = { apiVersion: 'apps/v1', resource: 'deployments', namespace: 'kube-system', name: 'coredns' };
  const { status, body } = await api.get(apiPath(place));
  if (status !== 200) return refused(status === 404 ? 'there is no CoreDNS' : `the API answers ${status} for CoreDNS`);
  const available = objectsAt(body, 'status', 'conditions').find(({ type }) => type === 'Available');
  const isSeen = field(body, 'status', 'observedGeneration') === field(body, 'metadata', 'generation');
  return isSeen && available?.['status'] === 'True' ? passed('CoreDNS available') : refused('CoreDNS is not available');
}

async function removeStale({ api }: ProbeContext): Promise<void> {
  const { items, serverTime } = await api.list(`${NAMESPACES}?labelSelector=${encodeURIComponent(PROOF_LABEL)}`);
  const age = (namespace: JsonObject): number =>
    serverTime - Date.parse(textAt(namespace, 'metadata', 'creationTimestamp'));
  const stale = items.filter((namespace) => age(namespace) > STALE_MILLISECONDS);
  await Promise.all(stale.map((namespace) => api.remove(`${NAMESPACES}/${textAt(namespace, 'metadata', 'name')}`)));
}

/** Server pods and the Service, and the addresses they got by the deadline; '' where a pod does not run. */
async function startServers(context: ProbeContext, proof: Proof, deadline: number): Promise<Servers> {
  const { api } = context;
  const { namespace, nodes } = proof;
  const [, service] = await Promise.all(proofSurroundings(proof).map((object) => api.serverSideApply(object)));
  await Promise.all(serverPods(proof).map((object) => api.serverSideApply(object)));
  const addressOf = (pods: Pods, index: number): string => servingAddress(pods.get(serverName(index)));
  const pods = await podsUntil(context, { namespace, deadline }, (seen) =>
    nodes.every((_, index) => addressOf(seen, index) !== ''),
  );
  const addresses = nodes.map((_, index) => addressOf(pods, index));
  return { pods, addresses, service: textAt(service, 'spec', 'clusterIP') };
}

async function runChecks(context: ProbeContext, proof: Proof, { servers, deadline }: ChecksInput): Promise<Answers> {
  const { namespace, nodes } = proof;
  const { addresses, service } = servers;
  const checks = nodes.map((_, index) => ({ index, address: addresses[(index + 1) % nodes.length] ?? '', service }));
  await Promise.all(checks.map((each) => context.api.serverSideApply(checkerPod(proof, each))));
  const pods = await podsUntil(context, { namespace, deadline }, (seen) =>
    nodes.every((_, index) => isFinished(seen.get(checkerName(index)))),
  );
  return answersOf(proof, (index) => {
    const name = checkerName(index);
    const pod = pods.get(name);
    if (phaseOf(pod) === 'Succeeded') return passed('DNS, the next pod and the Service answer its pod');
    const isFailed = phaseOf(pod) === 'Failed';
    return isFailed ? checkFailed(context, { namespace, name }) : notRunning(context, { namespace, name, pod });
  });
}

async function prove(context: ProbeContext, proof: Proof): Promise<Answers> {
  const now = context.clock.monotonic();
  const deadline = Math.max(now + LEAST_MILLISECONDS, Math.min(now + PROOF_MILLISECONDS, context.deadline));
  const servers = await startServers(context, proof, deadline);
  if (!servers.addresses.includes('')) return runChecks(context, proof, { servers, deadline });
  const { namespace } = proof;
  return answersOf(proof, (index) => {
    const name = serverName(index);
    if (servers.addresses[index] !== '') return passed('its pod runs');
    return notRunning(context, { namespace, name, pod: servers.pods.get(name) });
  });
}

async function answersOf({ nodes }: Proof, answer: (index: number) => Answer | Promise<Answer>): Promise<Answers> {
  return Object.fromEntries(await Promise.all(nodes.map(async (node, index) => [node, await answer(index)] as const)));
}

/** Creates the namespace, proves, and removes the namespace whatever happened. */
async function proveOnce(context: ProbeContext, proof: Proof): Promise<Answers> {
  const { api, clock, emit } = context;
  try {
    await Promise.all([api.serverSideApply(proofNamespace(proof)), removeStale(context)]);
    return await prove(context, proof);
  } finally {
    await api.remove(`${NAMESPACES}/${proof.namespace}`).catch((error: unknown) => {
      if (!(error instanceof KbinError)) throw error;
      const message = `namespace ${proof.namespace} was not removed (${error.message}); the next deploy tries again`;
      emit({ type: 'warning', message, at: clock.now() });
    });
  }
}

/**
 * The proof that the cluster works: CoreDNS is there, pods start on several nodes, and from each of them a name
 * resolves and the next node's pod, a Service address and a Service name answer.
 */
export const cluster: Probe = (context) =>
  withApi(context, async () => {
    const { inventory, hosts } = context;
    if (inventory.network.cni.name === 'none') {
      return forAllHosts(context, passed('pods are not proved: the inventory says cni: none'));
    }
    const dns = await dnsAnswer(context);
    if (!dns.ok) return forAllHosts(context, dns);
    if (inventory.images.smoke === 'none') return reachDns(context);
    const nodes = inventory.hosts.filter((host) => isNode(host) && hosts.includes(host.name)).map((host) => host.name);
    return proveOnce(context, {
      namespace: `kbin-proof-${randomBytes(4).toString('hex')}`,
      image: inventory.images.smoke,
      nodes: spread(nodes, MOST_NODES),
      dnsDomain: inventory.network.dnsDomain,
    });
  });
