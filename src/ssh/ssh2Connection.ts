import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { ConnectionLost, KbinError } from '../errors.ts';
import type { Command, Connection, Output } from '../model/ports.ts';
import { becomeCommand } from '../remote/become.ts';
import { converse } from './converse.ts';
import { channelExec, type Exec } from './exec.ts';
import type { Lease } from './lease.ts';
import { Slots } from './pace.ts';
import { type Session, talkFor } from './talk.ts';

/** sshd allows ten sessions a connection by default (MaxSessions); two stay free for a person's debugging. */
const COMMANDS_AT_ONCE = 8;
/** MaxSessions does not count forwarded streams, so waiting commands and long-lived tunnels cannot block each other. */
const TUNNELS_AT_ONCE = 32;

/** A logged-in host over ssh2. */
export class Ssh2Connection implements Connection {
  readonly host: string;
  readonly #session: Session;
  readonly #client: Client;
  readonly #release: () => void;
  readonly #commands = new Slots(COMMANDS_AT_ONCE);
  readonly #tunnels = new Slots(TUNNELS_AT_ONCE);
  readonly #closed: Promise<void>;
  #isOpen = true;

  constructor(session: Session, { client, release }: Lease) {
    this.host = session.host;
    this.#session = session;
    this.#client = client;
    this.#release = release;
    this.#closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#isOpen = false;
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async run(command: Command): Promise<Output> {
    const talk = talkFor(command, this.#session);
    const line = becomeCommand({ ...talk, script: command.script });
    const { exec, release } = await this.#openSession(line, talk.timeoutSeconds);
    void exec.ended.then(release);
    return (await converse(exec, talk)).output;
  }

  async tunnel(address: string, port: number): Promise<Duplex> {
    const release = await this.#tunnels.take();
    try {
      const channel = await this.#forward(address, port);
      channel.on('error', () => undefined).once('close', release);
      return channel;
    } catch (error) {
      release();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#release();
    await this.#closed;
  }

  /** Opens a session when its turn has come. A host that allows fewer at once than kbin thinks lowers the limit. */
  async #openSession(line: string, withinSeconds: number): Promise<{ exec: Exec; release: () => void }> {
    for (;;) {
      const release = await this.#commands.take();
      try {
        return { exec: await this.#exec(line, withinSeconds), release };
      } catch (error) {
        release();
        const others = this.#commands.taken;
        if (!(error instanceof SessionRefused) || others === 0) throw error;
        this.#commands.lower(others);
      }
    }
  }

  /** The channel is listened to before this returns: a quick command's end can be in the same packet as its start. */
  #exec(line: string, withinSeconds: number): Promise<Exec> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(this.#lost(false));
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(this.#slowSession(withinSeconds));
      }, withinSeconds * 1000);
      try {
        this.#client.exec(line, (error, channel) => {
          clearTimeout(timer);
          if (error !== undefined) reject(this.#fault(error));
          else if (isLate) channelExec(channel).kill();
          else resolve(channelExec(channel));
        });
      } catch {
        // ssh2 throws before anything is written when the socket is closing.
        clearTimeout(timer);
        reject(this.#lost(false));
      }
    });
  }

  #fault(error: Error): KbinError {
    // With a reason the server answered the opening of the channel (RFC 4254, 5.1): the command was never sent.
    if ('reason' in error) return new SessionRefused(this.host, error);
    if (this.#isOpen) return unwilling(this.host);
    // ssh2's words for a channel that never opened. Other words would only make this "unknown", which is safe.
    return this.#lost(error.message !== 'No response from server');
  }

  #lost(sent: boolean): ConnectionLost {
    const state = sent ? 'after a command was sent: it may have run or not' : 'before the command was sent';
    return new ConnectionLost(`The connection to ${this.host} broke ${state}.`, sent, { host: this.host });
  }

  #slowSession(withinSeconds: number): KbinError {
    return new KbinError('TIMEOUT', `sshd on ${this.host} did not start a command within ${withinSeconds} s.`, {
      host: this.host,
      hint: 'The host is overloaded, or its login (PAM, home directory) hangs.',
    });
  }

  #forward(address: string, port: number): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(this.#lost(false));
      const { connectSeconds } = this.#session.settings;
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(noTunnel(this.host, `${address} port ${port}`, new Error(`no answer within ${connectSeconds} s`)));
      }, connectSeconds * 1000);
      try {
        this.#client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
          clearTimeout(timer);
          if (error !== undefined)
            reject('reason' in error ? noTunnel(this.host, `${address} port ${port}`, error) : this.#lost(false));
          else if (isLate) channel.destroy();
          else resolve(channel);
        });
      } catch {
        clearTimeout(timer);
        reject(this.#lost(false));
      }
    });
  }
}

class SessionRefused extends KbinError {
  constructor(host: string, cause: Error) {
    super('CONNECT', `sshd on ${host} opens no session for a command.`, {
      host,
      hint: 'Check MaxSessions in its sshd_config: kbin needs one at least.',
      evidence: [cause.message],
      cause,
    });
  }
}

const unwilling = (host: string): KbinError =>
  new KbinError('CONNECT', `sshd on ${host} refuses to run commands.`, {
    host,
    hint: 'The key or the user is restricted there (command=, ForceCommand, a login shell that refuses).',
  });

const noTunnel = (host: string, target: string, cause: Error): KbinError =>
  new KbinError('CONNECT', `From ${host} nothing answers at ${target}.`, {
    host,
    hint: 'Check that the service listens there, and AllowTcpForwarding in the host’s sshd_config.',
    evidence: [cause.message],
    cause,
  });
