import { KbinError } from '../../errors.ts';
import { LISTENERS, listenerAddress, type Listener } from '../../catalog/listeners.ts';
import { servingNames, servingNamesFault } from '../../catalog/servingNames.ts';
import type { Host, HostName } from '../../model/inventory.ts';
import type { PhaseName } from '../../model/phase.ts';
import type { SeenCertificate } from '../../model/pki.ts';
import type { Connection } from '../../model/ports.ts';
import type { ServingNames } from '../../model/resource.ts';
import { seenCertificate } from '../../pki/certificate.ts';
import { leafOf } from '../../pki/chain.ts';
import { servedCertificate } from '../handshake.ts';
import { approveServing, leftText } from '../servingRequests.ts';
import {
  eachHost,
  joined,
  passed,
  refused,
  refusedBecause,
  REQUEST_SECONDS,
  type Answer,
  type Answers,
  type ProbeContext,
} from './probe.ts';

const date = (moment: number): string => new Date(moment).toISOString().slice(0, 10);

/** Whether a port presents what the store holds: by serial and expiry, as seen in its handshake. */
export function servedAnswer({ name }: Pick<Listener, 'name'>, seen: SeenCertificate, stored: SeenCertificate): Answer {
  if (seen.serial === stored.serial && seen.notAfter === stored.notAfter) {
    return passed(`${name} serves serial ${seen.serial}`);
  }
  return refused(
    `${name} still serves serial ${seen.serial} until ${date(seen.notAfter)}, not ${stored.serial} until ${date(stored.notAfter)}`,
  );
}

/** Whether a port presents what its program asked the cluster for: by whom it is signed, and for which names. */
export function askedAnswer(
  { name }: Pick<Listener, 'name'>,
  seen: SeenCertificate,
  { signer, names }: { signer: SeenCertificate; names: ServingNames },
): Answer {
  const { serial, notAfter } = seen;
  if (seen.issuerKeyId !== signer.keyId) {
    return refused(`${name} serves serial ${serial}, which is not signed by ${signer.commonName}`);
  }
  const fault = servingNamesFault(names, seen);
  if (fault !== undefined) return refused(`${name} serves serial ${serial}, which ${fault}`);
  return passed(`${name} serves serial ${serial} until ${date(notAfter)}`);
}

async function presented(
  { inventory, pki }: ProbeContext,
  { connection, listener, own }: { connection: Connection; listener: Listener; own: Host },
): Promise<Answer> {
  const kept = listener.signer ?? `${listener.row}@${own.name}`;
  // Below an authority that does not sign itself those between follow.
  const stored = seenCertificate(leafOf((await pki.read({ certificate: kept, part: 'certificate' })).reveal()));
  const handshake = servedCertificate({
    connection,
    address: listenerAddress(listener, own),
    port: listener.port(inventory),
    timeoutSeconds: REQUEST_SECONDS,
  });
  if (listener.signer === undefined) return servedAnswer(listener, await handshake, stored);
  const seen = await handshake.catch(unlessNoneYet);
  if (seen === undefined) return refused(`${listener.name} has no certificate yet`);
  return askedAnswer(listener, seen, { signer: stored, names: servingNames(inventory, own) });
}

/** Without a certificate a kubelet listens, and breaks off every handshake. */
function unlessNoneYet(error: unknown): undefined {
  if (!(error instanceof KbinError) || error.code !== 'CONNECT') throw error;
}

/** Approves what kubelets without their certificate wait for, so that one of the next polls sees it; tells what it leaves. */
async function approved(context: ProbeContext, answers: Answers, waiting: readonly HostName[]): Promise<Answers> {
  if (waiting.length === 0) return answers;
  try {
    const { left } = await approveServing(context.api, context.inventory, new Set(waiting));
    const told = left.map((request) => [request.host ?? '', refused(`request ${leftText(request)}`, LEFT)] as const);
    return { ...answers, ...Object.fromEntries(told) };
  } catch (error) {
    return { ...answers, ...Object.fromEntries(waiting.map((host) => [host, refusedBecause(error)])) };
  }
}

const LEFT = 'Correct the host in the inventory or its kubelet; kbin certs approve tells of all requests.';

/**
 * What the listeners of a phase present, compared with the store, or with what the inventory lets them ask for. Only of
 * these hosts: another one may still have its turn before it.
 */
export async function served(context: ProbeContext, phase: PhaseName, hosts: readonly HostName[]): Promise<Answers> {
  const { inventory } = context;
  const asked = LISTENERS.filter((listener) => listener.phase === phase).flatMap((listener) =>
    listener.on(inventory).map((own) => ({ listener, own })),
  );
  const answers = await eachHost({ ...context, hosts }, async (connection, host) =>
    joined(
      await Promise.all(
        asked.filter(({ own }) => own.name === host).map((one) => presented(context, { connection, ...one })),
      ),
    ),
  );
  const askers = new Set(asked.filter(({ listener }) => listener.signer !== undefined).map(({ own }) => own.name));
  const waiting = hosts.filter((host) => askers.has(host) && answers[host]?.ok === false);
  return approved(context, answers, waiting);
}
