import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';

/** A logged-in client that others may use too. `release` gives up this use; the last one closes the connection. */
export interface Lease {
  client: Client;
  readonly release: () => void;
}

/** How long sshd may take to answer a goodbye. */
const GOODBYE_MS = 1_500;

/** The first and only use of a client over `stream`. A peer that does not answer the goodbye is cut off. */
export function soleLease(client: Client, stream: Duplex): Lease {
  return {
    client,
    release: once(() => {
      client.end();
      const timer = setTimeout(() => stream.destroy(), GOODBYE_MS);
      // A socket that still hangs keeps the process, and so this timer, alive; nothing else has to wait for it.
      timer.unref();
      client.once('close', () => clearTimeout(timer));
    }),
  };
}

/** `action`, the first time only. */
export function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    action();
  };
}
