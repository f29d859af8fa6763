import { PORTS } from '../../catalog/requirements.ts';
import { complaint, quoted, type Complaint } from '../fault.ts';
import { DEFAULTS } from '../defaults.ts';
import { orDefault, type Check } from './ground.ts';

type PortKey = 'apiPort' | 'balancerPort';

/** kube-apiserver's default --service-node-port-range. */
const NODE_PORTS = { first: 30000, last: 32767 };

function portComplaint(key: PortKey, own: number): Complaint[] {
  if (own >= NODE_PORTS.first && own <= NODE_PORTS.last) {
    return [complaint([key], `${own} is one of the ports of Services.`, 'Write one below 30000.')];
  }
  const taken = PORTS.find(({ port, unit }) => port === own && unit !== 'kube-apiserver.service');
  return taken === undefined ? [] : [complaint([key], `${own} is the port of ${taken.unit}.`, 'Write another one.')];
}

/** The balancer listens at its port, and tells at the next one that it lives (units/haproxy). */
const balancerPorts = (first: number): number[] => [first, first + 1];

export const checkPorts: Check = ({ draft }) => {
  const api = orDefault(draft, 'apiPort', DEFAULTS.apiPort);
  const balancer = orDefault(draft, 'balancerPort', DEFAULTS.balancerPort);
  const own = draft.balancerPort === undefined ? 'apiPort' : 'balancerPort';
  return [
    ...(draft.apiPort === undefined ? [] : portComplaint('apiPort', draft.apiPort)),
    ...(draft.balancerPort === undefined
      ? []
      : balancerPorts(draft.balancerPort).flatMap((port) => portComplaint('balancerPort', port))),
    ...(balancer === 65535
      ? [complaint(['balancerPort'], 'the balancer needs the next port as well.', 'Write one below 30000.')]
      : []),
    ...(api !== undefined && balancer !== undefined && balancerPorts(balancer).includes(api)
      ? [
          complaint(
            [own],
            `the balancer needs the ports ${balancerPorts(balancer).join(' and ')}, and apiPort is ${api}.`,
            'Both are on the same hosts: write another port.',
          ),
        ]
      : []),
  ];
};

export const checkLifetimes: Check = ({ draft: { certificates } }) => {
  const leafDays = orDefault(certificates, 'leafDays', DEFAULTS.certificates.leafDays);
  const caDays = orDefault(certificates, 'caDays', DEFAULTS.certificates.caDays);
  if (leafDays === undefined || caDays === undefined || leafDays <= caDays) return [];
  const key = certificates?.leafDays === undefined ? 'caDays' : 'leafDays';
  return [
    complaint(
      ['certificates', key],
      `certificates of ${leafDays} days would outlive their authority of ${caDays} days.`,
      'Write fewer leafDays or more caDays.',
    ),
  ];
};

/** Which lists name things that may be there only once. */
export const checkRepeats: Check = ({ draft }) => {
  const lists: readonly [readonly string[], readonly (string | undefined)[] | undefined][] = [
    [['etcd', 'external', 'endpoints'], draft.etcd?.external?.endpoints],
    [['etcd', 'snapshots', 'recipients'], draft.etcd?.snapshots?.recipients],
    [['certificates', 'apiserverSans'], draft.certificates?.apiserverSans],
  ];
  return lists.flatMap(([path, items = []]) =>
    items.flatMap((item, index) =>
      item === undefined || items.indexOf(item) === index
        ? []
        : [complaint([...path, index], `${quoted(item)} stands here twice.`, 'Write it once.')],
    ),
  );
};

export const checkEndpointPorts: Check = ({ draft }) =>
  (draft.etcd?.external?.endpoints ?? []).flatMap((url, index) => {
    const port = Number(/:(\d+)$/.exec(url ?? '')?.[1] ?? '1');
    if (port >= 1 && port <= 65535) return [];
    return [
      complaint(['etcd', 'external', 'endpoints', index], `${port} is not a port.`, 'Write one from 1 to 65535.'),
    ];
  });
