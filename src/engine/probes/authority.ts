import { listenerAddress, LISTENERS } from '../../catalog/listeners.ts';
import type { Host, Inventory } from '../../model/inventory.ts';
import type { CertificateName } from '../../model/pki.ts';
import type { Connection, ProbeIdentity } from '../../model/ports.ts';
import type { Secret } from '../../model/secret.ts';
import { request, UnansweredError } from '../http.ts';
import type { TlsSettings } from '../httpStreams.ts';
import {
  eachHost,
  forAllHosts,
  joined,
  passed,
  refused,
  REQUEST_SECONDS,
  type Answer,
  type Answers,
  type Probe,
  type ProbeContext,
} from './probe.ts';

/** How a listener shows whether it accepts a client certificate of an authority. */
interface Acceptance {
  /** Row of the listener, as in LISTENERS. */
  row: string;
  path: string;
  commonName: string;
  headers?: Record<string, string>;
}

/** A name that nobody is bound to: it may do nothing, and is told so only when it is believed. */
const NOBODY = 'kbin-probe';

/**
 * Who accepts clients of an authority. What is behind authentication answers 401 to a certificate that it does not
 * believe; etcd ends the handshake. The front-proxy authority vouches for a proxy that names the user in headers.
 */
const ACCEPTANCES: Readonly<Record<CertificateName, readonly Acceptance[]>> = {
  ca: [
    { row: 'apiserver', path: '/api', commonName: NOBODY },
    { row: 'kubelet-serving', path: '/pods', commonName: NOBODY },
    { row: 'controller-manager-serving', path: '/metrics', commonName: NOBODY },
    { row: 'scheduler-serving', path: '/metrics', commonName: NOBODY },
  ],
  'etcd-ca': [
    { row: 'etcd-server', path: '/health', commonName: NOBODY },
    { row: 'etcd-peer', path: '/version', commonName: NOBODY },
  ],
  'front-proxy-ca': [
    {
      row: 'apiserver',
      path: '/api',
      commonName: 'front-proxy-client',
      headers: { 'x-remote-user': NOBODY },
    },
  ],
};

/** A listener of one host, with the authorities that may have signed what it presents. */
interface Asking {
  own: Host;
  port: number;
  authorities: CertificateName[];
}

const listenersOf = (inventory: Inventory, acceptance: Acceptance, host: string): Asking[] =>
  LISTENERS.filter((listener) => listener.row === acceptance.row).flatMap((listener) =>
    listener
      .on(inventory)
      .filter(({ name }) => name === host)
      .map((own) => ({
        own: { ...own, address: listenerAddress(listener, own) },
        port: listener.port(inventory),
        authorities: [
          acceptance.row.startsWith('etcd-') ? 'etcd-ca' : 'ca',
          ...(listener.signer === undefined ? [] : [listener.signer]),
        ],
      })),
  );

interface Asked {
  connection: Connection;
  address: string;
  port: number;
  path: string;
  headers: Record<string, string>;
  timeoutSeconds: number;
}

/**
 * True when the listener believes the certificate, false when it refuses it. A handshake that etcd ended looks like a
 * port where nobody is, so there a certificate that it does believe must be answered. Throws when nothing is.
 */
async function believes(asked: Asked, tls: TlsSettings, believed: Identity | undefined): Promise<boolean> {
  try {
    return (await request({ ...asked, tls })).status !== 401;
  } catch (error) {
    if (believed === undefined || !(error instanceof UnansweredError)) throw error;
    await request({ ...asked, tls: { ...tls, cert: believed.certificate, key: believed.key } });
    return false;
  }
}

interface Identity {
  certificate: string;
  key: Secret;
}

type Ask = (acceptance: Acceptance) => Promise<Identity>;

/** One certificate for all polls of a gate: streams are kept by it. */
const identities = new WeakMap<ProbeContext, Map<string, Promise<Identity>>>();

const identityOf =
  (context: ProbeContext, authority: CertificateName, generation: ProbeIdentity['generation']): Ask =>
  ({ commonName }) => {
    const kept = identities.get(context) ?? new Map<string, Promise<Identity>>();
    identities.set(context, kept);
    const identity =
      kept.get(commonName) ?? context.pki.probeIdentity({ authority, generation, commonName }, context.clock.now());
    kept.set(commonName, identity);
    return identity;
  };

/** What etcd believes in any case: kbin's own client certificate. */
async function believedByEtcd({ pki }: ProbeContext): Promise<Identity> {
  const [certificate, key] = await Promise.all([
    pki.read({ certificate: 'etcd-healthcheck-client', part: 'certificate' }),
    pki.read({ certificate: 'etcd-healthcheck-client', part: 'key' }),
  ]);
  return { certificate: certificate.reveal(), key };
}

/** Asks every listener that accepts clients of the rotated authority, with a certificate of one of its generations. */
async function askAll(
  context: ProbeContext,
  generation: ProbeIdentity['generation'],
  verdict: (name: string, isBelieved: boolean) => Answer,
): Promise<Answers> {
  const { inventory, pki } = context;
  const rotation = (await pki.rotations()).find(({ name }) => ACCEPTANCES[name] !== undefined);
  if (rotation === undefined) return forAllHosts(context, passed('no authority is being rotated'));
  const identity = identityOf(context, rotation.name, generation);
  return eachHost(context, async (connection, host) => {
    const asked = (ACCEPTANCES[rotation.name] ?? []).flatMap((acceptance) =>
      listenersOf(inventory, acceptance, host).map(async ({ own, port, authorities }) => {
        const { row, path, headers = {} } = acceptance;
        const isEtcd = row.startsWith('etcd-');
        const trusted = authorities.map((certificate) => pki.read({ certificate, part: 'trusted' }));
        const ca = (await Promise.all(trusted)).map((bundle) => bundle.reveal()).join('');
        const { certificate, key } = await identity(acceptance);
        const serverName = SERVER_NAMES[row] ?? host;
        const target = { connection, address: own.address, port, path, headers, timeoutSeconds: REQUEST_SECONDS };
        const tls = { ca, cert: certificate, key, serverName };
        return verdict(row, await believes(target, tls, isEtcd ? await believedByEtcd(context) : undefined));
      }),
    );
    return joined(await Promise.all(asked));
  });
}

/** DNS names that these listeners’ certificates have whatever the host; the others have the host’s name. */
const SERVER_NAMES: Readonly<Record<string, string>> = {
  apiserver: 'kubernetes',
  'controller-manager-serving': 'localhost',
  'scheduler-serving': 'localhost',
};

/** Every listener accepts clients of the next generation of the authority that is rotated. */
export const authorityTrusted: Probe = (context) =>
  askAll(context, 'next', (row, isBelieved) =>
    isBelieved
      ? passed(`${row} accepts the next generation`)
      : refused(`${row} does not accept the next generation yet`),
  );

/** No listener accepts clients of the generation that was retired. */
export const authorityDistrusted: Probe = (context) =>
  askAll(context, 'retired', (row, isBelieved) =>
    isBelieved ? refused(`${row} still accepts the old generation`) : passed(`${row} refuses the old generation`),
  );
