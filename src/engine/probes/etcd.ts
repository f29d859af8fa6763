import { hostsWith, type Inventory } from '../../model/inventory.ts';
import type { Connection, PkiStore } from '../../model/ports.ts';
import type { HttpTarget, TlsSettings } from '../httpStreams.ts';
import { askMember, metricsFault } from './etcdMember.ts';
import { verdicts, type MemberState } from './etcdVerdict.ts';
import {
  eachHost,
  joined,
  passed,
  refusedBecause,
  type Answer,
  type Answers,
  type Probe,
  type ProbeContext,
} from './probe.ts';

const LOOPBACK = '127.0.0.1';

/** How etcd is asked: whom its certificates are verified with, and kbin's own. */
export async function etcdTls(pki: PkiStore, inventory: Inventory): Promise<Omit<TlsSettings, 'serverName'>> {
  const [authority, client] =
    inventory.etcd.external === undefined
      ? ['etcd-ca', 'etcd-healthcheck-client']
      : ['external-etcd-ca', 'external-etcd-client'];
  const [ca, cert, key] = await Promise.all([
    pki.read({ certificate: authority, part: 'trusted' }),
    pki.read({ certificate: client, part: 'certificate' }),
    pki.read({ certificate: client, part: 'key' }),
  ]);
  return { ca: ca.reveal(), cert: cert.reveal(), key };
}

/** A member through its own host. */
export const memberTarget = (connection: Connection, tls: Omit<TlsSettings, 'serverName'>): HttpTarget => ({
  connection,
  address: LOOPBACK,
  port: 2379,
  tls: { ...tls, serverName: LOOPBACK },
});

/** A client URL as seen from a host. */
export function endpointTarget(
  connection: Connection,
  endpoint: string,
  tls: Omit<TlsSettings, 'serverName'>,
): HttpTarget {
  const { hostname, port } = new URL(endpoint);
  // A URL writes an IPv6 address in brackets, a socket does not.
  const address = hostname.replace(/^\[|\]$/g, '');
  return { connection, address, port: Number(port === '' ? '443' : port), tls: { ...tls, serverName: address } };
}

/** Each member through its own host, then all of them compared. */
async function ownMembers(context: ProbeContext): Promise<Answers> {
  const { inventory, pki } = context;
  const states = new Map<string, MemberState>();
  const answers = await eachHost(context, async (connection, host) => {
    const target = memberTarget(connection, await etcdTls(pki, inventory));
    const fault = await metricsFault(target);
    if (fault !== undefined) return fault;
    const said = await askMember(target);
    if ('ok' in said) return said;
    states.set(host, said);
    return passed('answers');
  });
  return { ...answers, ...verdicts(states, hostsWith(inventory, 'etcd').length) };
}

async function externalAnswers(
  endpoints: readonly string[],
  connection: Connection,
  context: ProbeContext,
): Promise<Answers> {
  const identity = await etcdTls(context.pki, context.inventory);
  const states = new Map<string, MemberState>();
  const ask = async (endpoint: string): Promise<Answer> => {
    const said = await askMember(endpointTarget(connection, endpoint, identity));
    if ('ok' in said) return said;
    states.set(endpoint, said);
    return passed('answers');
  };
  const asked = await Promise.all(
    endpoints.map(async (endpoint) => [endpoint, await ask(endpoint).catch(refusedBecause)] as const),
  );
  return { ...Object.fromEntries(asked), ...verdicts(states) };
}

/** Every endpoint from every host asked: each control plane has to reach them all. */
const externalMembers = (endpoints: readonly string[], context: ProbeContext): Promise<Answers> =>
  eachHost(context, async (connection) => {
    const answers = Object.entries(await externalAnswers(endpoints, connection, context));
    return joined(answers.map(([endpoint, answer]) => ({ ...answer, text: `${endpoint} ${answer.text}` })));
  });

/** All members ready, one leader, one cluster, no alarm, as many members as the inventory has. */
export const etcd: Probe = (context) => {
  const { external } = context.inventory.etcd;
  return external === undefined ? ownMembers(context) : externalMembers(external.endpoints, context);
};
