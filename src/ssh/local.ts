import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ConnectionLost, KbinError } from '../errors.ts';
import type { Host } from '../model/inventory.ts';
import type { Command, Connection, Output } from '../model/ports.ts';
import { becomeCommand } from '../remote/become.ts';
import { converse } from './converse.ts';
import { childExec, type Exec } from './exec.ts';
import { codeOf, wordsOf } from './systemError.ts';
import { type Session, talkFor } from './talk.ts';

/** The operator's own machine as a host. Root needs no sudo. */
export function connectLocal(host: Host): Connection {
  const isRoot = process.getuid?.() === 0;
  return new LocalConnection({
    host: host.name,
    settings: host.ssh,
    become: isRoot ? 'none' : host.ssh.become.method,
  });
}

class LocalConnection implements Connection {
  readonly host: string;
  readonly #session: Session;
  readonly #running = new Set<Exec>();
  readonly #tunnels = new Set<Socket>();
  #isOpen = true;

  constructor(session: Session) {
    this.host = session.host;
    this.#session = session;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async run(command: Command): Promise<Output> {
    if (!this.#isOpen) throw new ConnectionLost(`${this.host} is closed.`, false, { host: this.host });
    const talk = talkFor(command, this.#session);
    const line = becomeCommand({ ...talk, script: command.script });
    const exec = childExec(spawn('/bin/sh', ['-c', line], { detached: true, stdio: 'pipe' }));
    this.#running.add(exec);
    void exec.ended.then(() => this.#running.delete(exec));
    return (await converse(exec, talk)).output;
  }

  tunnel(address: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, noDelay: true });
      socket.on('error', (error) => reject(this.#noTunnel(`${address} port ${port}`, error)));
      socket.once('connect', () => resolve(socket));
      socket.once('close', () => this.#tunnels.delete(socket));
      this.#tunnels.add(socket);
    });
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    for (const socket of this.#tunnels) socket.destroy();
    const running = [...this.#running];
    for (const exec of running) exec.kill();
    await Promise.all(running.map((exec) => exec.ended));
  }

  #noTunnel(target: string, cause: Error): KbinError {
    return new KbinError('CONNECT', `From ${this.host} nothing answers at ${target}: ${wordsOf(codeOf(cause))}.`, {
      host: this.host,
      hint: 'Check that the service listens there.',
      cause,
    });
  }
}
