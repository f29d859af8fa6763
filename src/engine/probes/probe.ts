import { KbinError } from '../../errors.ts';
import type { Emit } from '../../model/event.ts';
import type { HostName, Inventory } from '../../model/inventory.ts';
import type { Clock, Connection, Pki } from '../../model/ports.ts';
import type { Api } from '../api.ts';
import type { Connections } from '../apiClient.ts';
import { fanOut } from '../fanOut.ts';
import { request, UnansweredError, type HttpResponse } from '../http.ts';
import type { TlsSettings } from '../httpStreams.ts';

/** Each request of a probe; what runs on a host answers from memory. */
export const REQUEST_SECONDS = 3;
/** All requests of one poll to one host, and opening the connection again when it was lost. */
const ANSWER_SECONDS = 10;
const HOSTS_AT_ONCE = 50;

/** What a host said, in one line. A text changes only when the state does: each change is an event. */
export interface Answer {
  ok: boolean;
  text: string;
  /** What to do about it, where the answer itself tells. */
  hint?: string;
  /** Further lines, such as the log of a pod. */
  evidence?: string[];
}

export type Answers = Record<HostName, Answer>;

export interface ProbeContext {
  inventory: Inventory;
  fleet: Connections;
  pki: Pki;
  clock: Clock;
  emit: Emit;
  api: Api;
  /** Hosts that have to answer. */
  hosts: readonly HostName[];
  /** Until when the gate waits, as the clock's monotonic milliseconds. */
  deadline: number;
}

/** Asks every host once. A host that does not answer is an answer; what is thrown is a bug. */
export type Probe = (context: ProbeContext) => Promise<Answers>;

export const passed = (text: string): Answer => ({ ok: true, text });
export const refused = (text: string, hint?: string): Answer => ({
  ok: false,
  text,
  ...(hint === undefined ? {} : { hint }),
});

/** The first answer that is not ok, otherwise all of them as one. */
export const joined = (answers: readonly Answer[]): Answer =>
  answers.find((answer) => !answer.ok) ?? passed(answers.map((answer) => answer.text).join(', '));

/** An answer of what kept a host from being asked; throws what is a bug. */
export function refusedBecause(error: unknown): Answer {
  if (error instanceof UnansweredError) return refused(`${error.reason} on ${error.port}`);
  if (error instanceof KbinError) return refused(error.message, error.hint);
  throw error;
}

async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KbinError('TIMEOUT', `no answer within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** One answer a host, all hosts side by side; failures to ask are answers. */
export async function eachHost(
  context: ProbeContext,
  ask: (connection: Connection, host: HostName) => Promise<Answer>,
): Promise<Answers> {
  const askOne = async (host: HostName): Promise<Answer> =>
    within(
      ANSWER_SECONDS,
      context.fleet.connection(host).then((connection) => ask(connection, host)),
    ).catch(refusedBecause);
  const answers = await fanOut(context.hosts, HOSTS_AT_ONCE, askOne);
  return Object.fromEntries(
    answers.map((result, index) => {
      if (!result.ok) throw result.error;
      return [context.hosts[index] ?? '', result.value];
    }),
  );
}

/** The same answer of every host, for what is asked of the API only. */
export const forAllHosts = (context: ProbeContext, answer: Answer): Answers =>
  Object.fromEntries(context.hosts.map((host) => [host, answer]));

/** Asks the API something that all hosts' answers depend on; when it cannot be asked, that is every host's answer. */
export async function withApi(context: ProbeContext, ask: () => Promise<Answers>): Promise<Answers> {
  try {
    return await ask();
  } catch (error) {
    return forAllHosts(context, refusedBecause(error));
  }
}

/** The same for what is one answer: it is every host's. */
export const ofCluster = (context: ProbeContext, ask: () => Promise<Answer>): Promise<Answers> =>
  withApi(context, async () => forAllHosts(context, await ask()));

/** GET from the host's own loopback. */
export const askLoopback = (
  connection: Connection,
  { port, path, tls }: { port: number; path: string; tls?: TlsSettings },
): Promise<HttpResponse> =>
  request({
    connection,
    address: '127.0.0.1',
    port,
    path,
    timeoutSeconds: REQUEST_SECONDS,
    ...(tls === undefined ? {} : { tls }),
  });

/** Ok when the host's loopback answers 200; `name` opens the text. */
export async function expectOk(
  connection: Connection,
  { name, ...asked }: { name: string; port: number; path: string; tls?: TlsSettings },
): Promise<Answer> {
  const { status } = await askLoopback(connection, asked);
  return status === 200 ? passed(`${name} is ok`) : refused(`${name} answers ${status} at ${asked.path}`);
}
