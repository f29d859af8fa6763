import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { ConnectionLost, KbinError } from '../errors.ts';
import type { Command, Connection, Output } from '../model/ports.ts';
import { becomeCommand } from '../remote/become.ts';
import { printable } from '../model/plainText.ts';
import { Capture } from './capture.ts';
import { childStream } from './childStream.ts';
import { converse } from './converse.ts';
import { childExec } from './exec.ts';
import type { OpensshMaster } from './opensshMaster.ts';
import { Slots } from './pace.ts';
import { type Session, talkFor } from './talk.ts';

/** One of the ten sessions that sshd allows (MaxSessions) holds the master open, one is spare. */
const COMMANDS_AT_ONCE = 8;
const TUNNELS_AT_ONCE = 32;
/** ssh's exit code for its own failures; a command may have it too. */
const OWN_FAILURE = 255;

/** A host behind a master connection of the system's ssh. */
export class OpensshConnection implements Connection {
  readonly host: string;
  readonly #session: Session;
  readonly #master: OpensshMaster;
  readonly #commands = new Slots(COMMANDS_AT_ONCE);
  readonly #tunnels = new Slots(TUNNELS_AT_ONCE);

  constructor(session: Session, master: OpensshMaster) {
    this.host = session.host;
    this.#session = { ...session, carrierCode: OWN_FAILURE };
    this.#master = master;
  }

  get isOpen(): boolean {
    return this.#master.isAlive;
  }

  async run(command: Command): Promise<Output> {
    const talk = talkFor(command, this.#session);
    const release = await this.#commands.take();
    if (!this.isOpen) {
      release();
      throw this.#lost(false);
    }
    const line = becomeCommand({ ...talk, script: command.script });
    const exec = childExec(this.#ssh(['--', 'master', line]));
    void exec.ended.then(release);
    const { output, hasStarted } = await converse(exec, talk);
    if (output.exitCode === OWN_FAILURE) await this.#explain(hasStarted, output);
    return output;
  }

  async tunnel(address: string, port: number): Promise<Duplex> {
    const release = await this.#tunnels.take();
    if (!this.isOpen) {
      release();
      throw this.#lost(false);
    }
    const target = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const child = this.#ssh(['-W', target, '--', 'master']);
    const words = new Capture(4096, 'tail');
    child.stderr.on('data', (chunk: Buffer) => words.add(chunk));
    child.once('close', release);
    // ssh says only by ending that the other side cannot be reached.
    return childStream(child, (code) => (code === OWN_FAILURE ? this.#noTunnel(target, words.text()) : undefined));
  }

  close(): Promise<void> {
    return this.#master.stop();
  }

  #ssh(args: string[]) {
    // Only the socket counts. Without the master ssh must not connect by itself: `false` is a way that leads nowhere.
    const fixed = ['-F', 'none', '-S', this.#master.socket, '-o', 'ProxyCommand=false', '-o', 'LogLevel=ERROR', '-T'];
    return spawn('ssh', [...fixed, ...args], { detached: true, stdio: 'pipe' });
  }

  /** Throws unless the command itself ended with 255. */
  async #explain(hasStarted: boolean, { stderr }: Output): Promise<void> {
    if (!(await this.#answers())) throw this.#lost(true);
    if (hasStarted) return;
    throw new KbinError('CONNECT', `sshd on ${this.host} opens no session for a command.`, {
      host: this.host,
      hint: 'Check MaxSessions in its sshd_config: kbin needs two at least with ssh.transport: openssh.',
      evidence: printable(stderr.trim()).split('\n'),
    });
  }

  /** True when the master answers on its socket. */
  #answers(): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    const child = spawn('ssh', ['-F', 'none', '-S', this.#master.socket, '-O', 'check', '--', 'master'], {
      stdio: 'ignore',
    });
    return new Promise((resolve) => {
      child.once('error', () => resolve(false));
      child.once('exit', (code) => resolve(code === 0));
    });
  }

  #lost(sent: boolean): ConnectionLost {
    const state = sent ? 'after a command was sent: it may have run or not' : 'before the command was sent';
    return new ConnectionLost(`The connection to ${this.host} broke ${state}.`, sent, { host: this.host });
  }

  #noTunnel(target: string, words: string): KbinError {
    return new KbinError('CONNECT', `From ${this.host} nothing answers at ${target}.`, {
      host: this.host,
      hint: 'Check that the service listens there, and AllowTcpForwarding in the host’s sshd_config.',
      evidence: printable(words.trim()).split('\n'),
    });
  }
}
