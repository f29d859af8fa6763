import type { HostName, JsonObject } from '../../model/inventory.ts';
import type { ApiObject } from '../../model/resource.ts';

/** Label of the namespaces of proofs, by which forgotten ones are found. */
export const PROOF_LABEL = 'kbin.dev/proof';
export const SERVICE_NAME = 'proof';
const PORT = 8080;
/** How long a checker repeats one check: the rules of a new Service take a moment to reach every node. */
const CHECK_SECONDS = 20;

export interface Proof {
  namespace: string;
  image: string;
  /** Nodes that take part; each checks the next one's pod. */
  nodes: readonly HostName[];
  dnsDomain: string;
}

type Named = {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
};

const apiObject = (resource: string, kind: string, metadata: Named, content: JsonObject): ApiObject => ({
  id: `api:${kind}/${metadata.namespace ?? ''}/${metadata.name}`,
  phase: 'addons',
  resource,
  object: { apiVersion: 'v1', kind, metadata, ...content },
});

export const proofNamespace = ({ namespace }: Proof): ApiObject => {
  const labels = { [PROOF_LABEL]: 'true', 'pod-security.kubernetes.io/enforce': 'restricted' };
  return apiObject('namespaces', 'Namespace', { name: namespace, labels }, {});
};

/** What the pods need. An account of their own, because `default` is made by the controller-manager a moment later. */
export const proofSurroundings = ({ namespace }: Proof): ApiObject[] => {
  const ports = [{ name: 'http', port: 80, targetPort: PORT, protocol: 'TCP' }];
  const metadata = { name: SERVICE_NAME, namespace };
  return [
    apiObject('serviceaccounts', 'ServiceAccount', metadata, { automountServiceAccountToken: false }),
    apiObject('services', 'Service', metadata, { spec: { selector: { role: 'server' }, ports } }),
  ];
};

interface PodInput {
  name: string;
  node: HostName;
  role: 'server' | 'checker';
  command: string[];
}

function pod({ namespace, image }: Proof, { name, node, role, command }: PodInput): ApiObject {
  const spec: JsonObject = {
    // Past the scheduler and every taint: this node and no other is to be proved.
    nodeName: node,
    tolerations: [{ operator: 'Exists' }],
    serviceAccountName: SERVICE_NAME,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: role === 'server' ? 'Always' : 'Never',
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: role,
        image,
        imagePullPolicy: 'Never',
        command,
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  };
  return apiObject('pods', 'Pod', { name, namespace, labels: { role } }, { spec });
}

export const serverName = (index: number): string => `server-${index}`;
export const checkerName = (index: number): string => `checker-${index}`;

export const serverPods = (proof: Proof): ApiObject[] =>
  proof.nodes.map((node, index) =>
    pod(proof, {
      name: serverName(index),
      node,
      role: 'server',
      command: ['smoke', 'serve', '--port', String(PORT)],
    }),
  );

const url = (host: string, port?: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}/`;

/** Each check is repeated until it passes or its time is over; the first that does not pass ends the pod. */
function checkScript(checks: readonly string[]): string {
  return [
    'check() {',
    `  end=$(($(date +%s) + ${CHECK_SECONDS}))`,
    '  until said=$("$@" 2>&1); do',
    '    if [ "$(date +%s)" -ge "$end" ]; then echo "$*: $said"; exit 1; fi',
    '    sleep 0.25',
    '  done',
    '}',
    ...checks.map((check) => `check ${check}`),
  ].join('\n');
}

/** A pod on the node of `index` that looks up a name, then asks the next node's pod, the Service, the Service's name. */
export function checkerPod(proof: Proof, { index, address, service }: Checked): ApiObject {
  const { namespace, dnsDomain } = proof;
  const checks = [
    `smoke lookup kubernetes.default.svc.${dnsDomain} --timeout 2s`,
    `smoke get ${url(address, PORT)} --timeout 2s`,
    `smoke get ${url(service)} --timeout 2s`,
    `smoke get ${url(`${SERVICE_NAME}.${namespace}.svc.${dnsDomain}`)} --timeout 2s`,
  ];
  return pod(proof, {
    name: checkerName(index),
    node: proof.nodes[index] ?? '',
    role: 'checker',
    command: ['/bin/sh', '-c', checkScript(checks)],
  });
}

export interface Checked {
  index: number;
  /** Of the next node's server pod. */
  address: string;
  /** Address of the Service. */
  service: string;
}
