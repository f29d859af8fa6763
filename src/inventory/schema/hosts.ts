import { z } from 'zod';
import { ARCHES, ROLES } from '../../model/inventory.ts';
import { DEFAULTS } from '../defaults.ts';
import { shown } from '../fault.ts';
import { hostComponents } from './components.ts';
import { ssh } from './ssh.ts';
import { label, RFC1123_LABEL } from './texts.ts';
import { choice, list, mapping, may, must, section, text, wrong } from './words.ts';

const RANGE = '\\[\\d{1,9}:\\d{1,9}\\]';
const LETTER = `(?:[a-z0-9]|${RANGE})`;
const HOST_LABEL = `${LETTER}(?:(?:[-a-z0-9]|${RANGE})*${LETTER})?`;
const HOST_NAME = new RegExp(`^${HOST_LABEL}(?:\\.${HOST_LABEL})*$`);
const OCTET = `(?:\\d|${RANGE})+`;
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const TARGET = new RegExp(`^(?:(?:[-.A-Za-z0-9]|${RANGE})+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)$`);

function hostAddress() {
  const write = 'Write four numbers, such as 10.0.0.12.';
  const error = ({ input }: { input?: unknown }): string =>
    typeof input === 'string' && /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(input)
      ? `${shown(input)} is an IPv6 address, and IPv6 is not supported yet.\n${write}`
      : wrong('an IPv4 address', write)({ input });
  return z.string({ error }).regex(IPV4, { error });
}

const NAME = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const PREFIX = '[a-z0-9](?:[-a-z0-9.]{0,250}[a-z0-9])?';
const KEY = new RegExp(`^(?:${PREFIX}/)?${NAME}$`);
const VALUE = new RegExp(`^(?:${NAME})?$`);

/** Syntax of keys that Kubernetes takes for labels and taints. */
const key = (what: string) =>
  text(KEY, what, 'Write a name of at most 63 letters, after a domain and a slash if need be: example.com/rack.');
/** YAML makes `true` and `12` other things than text, and Kubernetes takes only text. */
const value = (what: string) =>
  text(
    VALUE,
    what,
    'Write at most 63 letters, digits, dashes, dots and underscores, in quotes where it looks like a number: "12".',
  );

const taint = section({
  key: must(key('the key of a taint'), 'Key.', { examples: ['nvidia.com/gpu'] }),
  value: may(value('the value of a taint'), 'Value.', { default: '', examples: ['present'] }),
  effect: must(
    choice(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'an effect of a taint'),
    'What it does to pods.',
    {
      examples: ['NoSchedule'],
    },
  ),
}).meta({ id: 'Taint', description: 'Keeps pods away that do not tolerate it.' });

const roleWrite = `Write a list of ${ROLES.join(', ')}.`;

/** What a pool and a host have in common. */
const shared = {
  arch: may(choice(ARCHES, 'an architecture'), 'Architecture of the machine, in Go’s words.', {
    default: DEFAULTS.arch,
  }),
  labels: may(
    mapping(key('the key of a label'), value('the value of a label'), 'Write keys and values.'),
    'Labels of the Node. A host’s are added to its pool’s. Keys of node-role.kubernetes.io follow from the roles.',
    { examples: [{ 'topology.kubernetes.io/zone': 'a' }] },
  ),
  taints: may(list(taint, 'Write a list of key, value and effect.'), 'Taints of the Node, added to its pool’s.', {
    default: [],
  }),
  ssh: may(ssh, 'How to reach it, where that differs.'),
  components: may(hostComponents, 'Changes to components here.'),
};
const roles = list(choice(ROLES, 'a role'), roleWrite).min(1, { error: `an empty list.\n${roleWrite}` });

export const pool = section({
  roles: may(roles, 'Roles of the hosts that name none.', { examples: [['worker']] }),
  ...shared,
}).meta({ id: 'Pool', description: 'Settings that several hosts share.' });

const host = section({
  name: must(
    text(HOST_NAME, 'a host name', 'Write small letters, digits and dashes, such as worker-1 or worker-[01:20].'),
    'Name of the host and of its Node, not local and not api. A range such as [01:20] stands for several hosts; the ranges of an entry advance together.',
    { examples: ['cp-1', 'worker-[01:20]'] },
  ),
  address: must(hostAddress(), 'IPv4 address at which the other hosts reach it.', {
    examples: ['10.0.0.11', '10.0.0.[11:13]'],
  }),
  sshAddress: may(
    text(TARGET, 'a host name or an address', 'Write a name or an address, such as worker-1.example.com.'),
    'Name or address for SSH, where it is another one.',
    { otherwise: 'address', examples: ['worker-1.example.com'] },
  ),
  roles: may(roles, 'etcd: a member. control-plane: API server, controllers, scheduler. worker: runs pods.', {
    otherwise: 'the pool’s',
    examples: [['etcd', 'control-plane', 'worker']],
  }),
  pool: may(label('the name of a pool'), 'Pool whose settings it shares.', { examples: ['gpu'] }),
  ...shared,
}).meta({ id: 'Host', description: 'A machine, or with ranges several alike.' });

export const pools = z.record(
  z.string().regex(RFC1123_LABEL, { error: wrong('the name of a pool', 'Write small letters, digits and dashes.') }),
  pool,
  { error: wrong('a mapping', 'Write names of pools with their settings under them.') },
);

const hostsWrite = 'Write a list of hosts with name, address and roles.';
export const hosts = list(host, hostsWrite).min(1, { error: `an empty list.\n${hostsWrite}` });
