import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { until } from './until.ts';

const BACKLOG = 1;
const LISTENER = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: ${BACKLOG} }, () => process.send(server.address().port));
`;

/** A port of loopback that answers a TCP connection with silence, as the address of a machine without power does. */
export class Blackhole {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #fillers: Socket[] = [];

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** Linux drops what wants to connect while the queue of accepted connections is full (tcp(7), listen(2)). */
  static async open(): Promise<Blackhole> {
    const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve(Number(message)));
      child.once('error', reject).once('exit', () => reject(new Error('the listener ended')));
    });
    const hole = new Blackhole(port, child);
    // Stopped it accepts nothing, and the queue stays as it is.
    child.kill('SIGSTOP');
    while (queuedAt(port) <= BACKLOG) await hole.#fill();
    return hole;
  }

  /** Connections to it that wait for an answer. */
  callers(): number {
    const sent = socketsOf(this.port).filter(({ remote, state }) => remote === this.port && state === SYN_SENT);
    return sent.length;
  }

  close(): void {
    for (const socket of this.#fillers) socket.destroy();
    this.#child.disconnect();
    this.#child.kill('SIGKILL');
  }

  async #fill(): Promise<void> {
    const before = queuedAt(this.port);
    this.#fillers.push(connect(this.port, '127.0.0.1').on('error', () => undefined));
    await until(() => queuedAt(this.port) > before, 'one more connection in the queue');
  }
}

/** States of /proc/net/tcp (include/net/tcp_states.h). */
const SYN_SENT = '02';
const LISTEN = '0A';

/** Sockets of this machine with this port at either end. For a listening one `queue` counts what is not yet accepted. */
function socketsOf(port: number) {
  const portOf = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16);
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .map(([, local, remote, state, queues]) => ({
      local: portOf(local),
      remote: portOf(remote),
      state,
      queue: portOf(queues),
    }))
    .filter(({ local, remote }) => local === port || remote === port);
}

const queuedAt = (port: number): number =>
  socketsOf(port).find(({ local, state }) => local === port && state === LISTEN)?.queue ?? 0;
