import { KbinError } from '../errors.ts';
import { hasRole, isNode, type Inventory, type Json, type JsonObject, type Override } from '../model/inventory.ts';
import type { ApiObject } from '../model/resource.ts';
import { apiObject } from './apiObject.ts';
import type { Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { merged } from './merge.ts';
import { clusterRoleBinding } from './rbac.ts';
import { CONTROL_PLANE } from './taints.ts';

const NAME = 'coredns';
const NAMESPACE = 'kube-system';
/** Label that tools and dashboards know the cluster DNS by, whatever answers it. */
const SELECTOR = { 'k8s-app': 'kube-dns' };
const LABELS = { ...SELECTOR, 'kubernetes.io/name': 'CoreDNS' };
const ROLE = 'kbin:coredns';

const RULES: Json[] = [
  { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
];

const probe = (path: string, port: number): JsonObject => ({ httpGet: { path, port, scheme: 'HTTP' } });

function container({ images }: Inventory, args: string[], env: Record<string, string>): JsonObject {
  const variables = Object.entries(env).map(([name, value]) => ({ name, value }));
  return {
    name: NAME,
    image: images.coredns,
    imagePullPolicy: 'IfNotPresent',
    args,
    ...(variables.length === 0 ? {} : { env: variables }),
    ports: [
      { name: 'dns', containerPort: 53, protocol: 'UDP' },
      { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
      { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
    ],
    livenessProbe: {
      ...probe('/health', 8080),
      initialDelaySeconds: 60,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 5,
    },
    readinessProbe: { ...probe('/ready', 8181), periodSeconds: 2 },
    resources: { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
  };
}

const podSpec = (main: JsonObject): JsonObject => ({
  containers: [main],
  // The node's resolver, not the cluster's own.
  dnsPolicy: 'Default',
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  priorityClassName: 'system-cluster-critical',
  serviceAccountName: NAME,
  tolerations: [
    { key: 'CriticalAddonsOnly', operator: 'Exists' },
    { key: CONTROL_PLANE, operator: 'Exists', effect: 'NoSchedule' },
  ],
  // Both replicas on one node would make that node the DNS of the cluster.
  topologySpreadConstraints: [
    {
      labelSelector: { matchLabels: SELECTOR },
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
    },
  ],
  volumes: [{ name: 'config', configMap: { name: NAME, items: [{ key: 'Corefile', path: 'Corefile' }] } }],
});

const deploymentSpec = (inventory: Inventory, main: JsonObject): JsonObject => ({
  replicas: inventory.hosts.filter(isNode).length > 1 ? 2 : 1,
  selector: { matchLabels: SELECTOR },
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
  template: { metadata: { labels: SELECTOR }, spec: podSpec(main) },
});

const serviceSpec = ({ network }: Inventory): JsonObject => ({
  clusterIP: network.dnsAddress,
  ports: [
    { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
    { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
    { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
  ],
  selector: SELECTOR,
});

type Cluster = Omit<Context, 'host'>;

/** CoreDNS is one for the cluster, so what the first control plane's merged settings say holds. */
function clusterOverride(cluster: Cluster): { context: Context; override: Override } {
  const host = cluster.inventory.hosts.find((one) => hasRole(one, 'control-plane'));
  if (host === undefined) throw new Error('an inventory without a control plane was not checked');
  const override = host.components.coredns;
  if (Object.keys(override.resources).length > 0) {
    throw new KbinError('INVENTORY', 'components.coredns.resources: CoreDNS runs in pods, not in a systemd unit', {
      hint: 'Write config: { spec: { template: … } }, which is merged into its Deployment.',
    });
  }
  return { context: { ...cluster, host }, override };
}

const HERE = { name: NAME, namespace: NAMESPACE };

const access = (): ApiObject[] => [
  apiObject('addons', { kind: 'ServiceAccount', ...HERE }, {}),
  apiObject('addons', { kind: 'ClusterRole', name: ROLE }, { rules: RULES }),
  clusterRoleBinding('addons', { name: ROLE, role: ROLE, subject: { kind: 'ServiceAccount', ...HERE } }),
];

function configMap({ inventory, render }: Cluster, corefile: Json | undefined): ApiObject {
  const text = corefile ?? render('coredns/Corefile.hbs', { domain: inventory.network.dnsDomain });
  if (typeof text !== 'string') {
    throw new KbinError('INVENTORY', 'components.coredns.config.Corefile must be a text', {
      hint: 'Write it with "|".',
    });
  }
  return apiObject('addons', { kind: 'ConfigMap', ...HERE }, { data: { Corefile: text } });
}

function deployment(inventory: Inventory, main: JsonObject, change: JsonObject): ApiObject {
  const spec = deploymentSpec(inventory, main);
  const base = apiObject('addons', { kind: 'Deployment', ...HERE, labels: LABELS }, { spec });
  return { ...base, object: { ...base.object, ...merged(base.object, change) } };
}

function dnsService(inventory: Inventory): ApiObject {
  const labels = { ...LABELS, 'kubernetes.io/cluster-service': 'true' };
  const identity = { kind: 'Service', name: 'kube-dns', namespace: NAMESPACE, labels } as const;
  return apiObject('addons', identity, { spec: serviceSpec(inventory) });
}

/**
 * CoreDNS and its Service. `config` of the inventory is merged into the Deployment, except for the key `Corefile`, whose
 * text replaces kbin's.
 */
export function corednsObjects(cluster: Cluster): ApiObject[] {
  const { inventory } = cluster;
  const { context, override } = clusterOverride(cluster);
  const { Corefile: corefile, ...change } = override.config;
  const args = flagWords(flagsOf(context, 'coredns', { conf: '/etc/coredns/Corefile' }));
  const main = container(inventory, args, override.env);
  return [...access(), configMap(cluster, corefile), deployment(inventory, main, change), dnsService(inventory)];
}
