import { join } from 'node:path/posix';
import { printable } from '../../model/plainText.ts';
import { shellQuote } from '../../remote/quote.ts';
import { objectsAt, parseJson, textAt } from '../httpJson.ts';
import { eachHost, passed, refused, type Answer, type Probe } from './probe.ts';

const SOCKET = 'unix:///run/containerd/containerd.sock';
const RUN_SECONDS = 8;

/** What `crictl info` said. NetworkReady is not needed yet: the network comes later. */
export function runtimeAnswer(stdout: string): Answer {
  const conditions = objectsAt(parseJson(stdout), 'status', 'conditions');
  const runtime = conditions.find((condition) => condition['type'] === 'RuntimeReady');
  if (runtime === undefined) return refused('crictl info names no RuntimeReady condition');
  if (runtime['status'] === true) return passed('runtime ready');
  const why = [textAt(runtime, 'reason'), textAt(runtime, 'message')].filter((part) => part !== '').join(': ');
  return refused(`runtime not ready${why === '' ? '' : ` (${printable(why, 200)})`}`);
}

/** The CRI itself: that the socket is there says nothing (REFERENCE 3). */
export const containerd: Probe = (context) =>
  eachHost(context, async (connection) => {
    const crictl = shellQuote(join(context.inventory.binDir, 'crictl'));
    const output = await connection.run({
      script: `${crictl} --timeout 5s --runtime-endpoint ${SOCKET} info`,
      timeoutSeconds: RUN_SECONDS,
    });
    if (output.exitCode === 0) return runtimeAnswer(output.stdout);
    const last = printable(output.stderr).trim().split('\n').at(-1) ?? '';
    return refused(`crictl info ended with ${output.exitCode}${last === '' ? '' : `: ${printable(last, 200)}`}`);
  });
