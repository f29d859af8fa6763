import { KbinError } from '../errors.ts';
import { printable } from '../model/plainText.ts';
import type { Clock } from '../model/ports.ts';
import type { ApiAnswer } from './apiClient.ts';
import { textAt } from './httpJson.ts';

const RETRY_MILLISECONDS = 250;
/**
 * Refusals that pass, and for how many seconds they are given the chance: 403 while a new binding reaches every
 * kube-apiserver, 404 while kube-system or the Node is not there yet, 409 when somebody else wrote in between, 429 and
 * 5xx under load, without etcd's leader or while a kube-apiserver is restarted. 500 is also what server-side apply says
 * of an object that does not fit its schema, which no patience mends.
 */
const PATIENCE_SECONDS: Readonly<Record<number, number>> = {
  403: 30,
  404: 30,
  409: 30,
  429: 30,
  500: 5,
  502: 30,
  503: 30,
  504: 30,
};
const UNANSWERED_PATIENCE_SECONDS = 30;
/** What a kube-apiserver refused, in its words. */
export function refusal(answer: ApiAnswer, what: string): KbinError {
  const message = printable(textAt(answer.body, 'message'), 1000);
  return new KbinError('STEP', `kube-apiserver on ${answer.host} refused ${what}: ${answer.status} ${message}`.trim(), {
    host: answer.host,
    hint: 'Correct what the message names and run the same command again.',
  });
}

/** Repeats a change until it is accepted; throws STEP when it is refused for good, CONNECT when nobody answers. */
export async function settle<A extends ApiAnswer>(clock: Clock, what: string, attempt: () => Promise<A>): Promise<A> {
  const since = clock.monotonic();
  const isPatient = (seconds: number): boolean => clock.monotonic() - since < seconds * 1000;
  for (;;) {
    const answer = await attempt().catch((error: unknown) => {
      const isUnanswered = error instanceof KbinError && error.code === 'CONNECT';
      if (!isUnanswered || !isPatient(UNANSWERED_PATIENCE_SECONDS)) throw error;
      return undefined;
    });
    if (answer !== undefined && answer.status < 300) return answer;
    if (answer !== undefined && !isPatient(PATIENCE_SECONDS[answer.status] ?? 0)) throw refusal(answer, what);
    await clock.pause(RETRY_MILLISECONDS);
  }
}
