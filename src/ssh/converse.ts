import { finished, Readable } from 'node:stream';
import { ConnectionLost, KbinError } from '../errors.ts';
import type { Command, Output } from '../model/ports.ts';
import type { Secret } from '../model/secret.ts';
import { type BecomeMethod, StartWatch } from '../remote/become.ts';
import { Capture } from './capture.ts';
import { type Exec, type Exit, exitCodeOfSignal } from './exec.ts';
import { refusedSudo, silentCommand, slowSudo, wrongPassword } from './runFault.ts';

export const STDOUT_BYTES = 8 * 1024 * 1024;
export const STDERR_BYTES = 64 * 1024;

export interface Talk {
  host: string;
  method: BecomeMethod;
  /** The marker that the command line was built with. */
  marker?: string;
  /** For sudo's prompt. */
  password?: Secret;
  input?: Command['input'];
  timeoutSeconds: number;
  /** How long sudo may take to ask, refuse or start. */
  startSeconds: number;
  /** Exit code that may also be the carrier's own (255 of ssh): before the start it says nothing about sudo. */
  carrierCode?: number;
}

export interface Said {
  output: Output;
  /** False when the start marker never came: the script did not run. True without a marker. */
  hasStarted: boolean;
}

/**
 * Holds the conversation with a started command: answers sudo once, streams the input, collects the output, bounds the
 * time. Rejects with AUTH (sudo refused), TIMEOUT, ConnectionLost (sent), or the input's own error. Input that the
 * command does not want is dropped: its exit code says what it thought of it.
 */
export function converse(exec: Exec, talk: Talk): Promise<Said> {
  return new Conversation(exec, talk).outcome;
}

class Conversation {
  readonly outcome: Promise<Said>;
  readonly #exec: Exec;
  readonly #talk: Talk;
  readonly #watch: StartWatch | undefined;
  readonly #stdout = new Capture(STDOUT_BYTES, 'head');
  readonly #stderr = new Capture(STDERR_BYTES, 'tail');
  readonly #timers: NodeJS.Timeout[] = [];
  #isAnswered = false;
  #isOver = false;
  #reject: (error: unknown) => void = () => undefined;

  constructor(exec: Exec, talk: Talk) {
    this.#exec = exec;
    this.#talk = talk;
    this.#watch = talk.marker === undefined ? undefined : new StartWatch(talk.marker);
    this.outcome = new Promise<Said>((resolve, reject) => {
      this.#reject = reject;
      void exec.ended.then((exit) => this.#finish(exit, resolve));
    });
    // Both keep being read after a failure: unread output would keep the channel open.
    exec.stdout.on('data', (chunk: Buffer) => this.#isOver || this.#stdout.add(chunk));
    exec.stderr.on('data', (chunk: Buffer) => this.#isOver || this.#hear(chunk));
    this.#bound(talk.timeoutSeconds, () => this.#late());
    if (talk.method !== 'none')
      this.#bound(talk.startSeconds, () => this.#hasStarted || this.#fail(slowSudo(talk, this.#said())));
    // With a password the first bytes belong to sudo's prompt; without one nobody else reads standard input.
    if (talk.method !== 'sudo-password') this.#feed();
  }

  get #hasStarted(): boolean {
    return this.#watch?.hasStarted ?? true;
  }

  #bound(seconds: number, action: () => void): void {
    this.#timers.push(setTimeout(action, seconds * 1000));
  }

  /** The script's own words, or sudo's before it started. */
  #said(): string {
    return this.#watch === undefined || this.#watch.hasStarted ? this.#stderr.text() : this.#watch.preamble;
  }

  #hear(chunk: Buffer): void {
    const watch = this.#watch;
    if (watch === undefined || watch.hasStarted) {
      this.#stderr.add(chunk);
      return;
    }
    this.#stderr.add(watch.feed(chunk));
    if (watch.prompts > 1) this.#fail(wrongPassword(this.#talk));
    else if (watch.prompts === 1) this.#answer();
    if (this.#hasStarted && this.#talk.method === 'sudo-password') this.#feed();
  }

  #answer(): void {
    if (this.#isAnswered || this.#hasStarted) return;
    this.#isAnswered = true;
    this.#exec.stdin.write(`${this.#talk.password?.reveal() ?? ''}\n`);
  }

  #feed(): void {
    const { stdin, ended } = this.#exec;
    const { input } = this.#talk;
    if (!(input instanceof Readable)) {
      stdin.end(input);
      return;
    }
    // A source that fails must not look like the end of the input: the command would take half a file for a whole one.
    finished(input, { writable: false }, (error) => error && this.#fail(error));
    input.pipe(stdin);
    void ended.then(() => input.unpipe(stdin).destroy());
  }

  #late(): void {
    const { method } = this.#talk;
    if (method !== 'none' && !this.#hasStarted) this.#fail(slowSudo(this.#talk, this.#said()));
    else this.#fail(silentCommand(this.#talk, this.#said(), this.#exec.stdin.writableLength > 0));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#reject(error);
    this.#end();
    if (this.#talk.input instanceof Readable) this.#talk.input.destroy();
    this.#exec.kill();
  }

  #end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #finish({ exitCode, signal }: Exit, resolve: (said: Said) => void): void {
    this.#end();
    const { host, method, carrierCode } = this.#talk;
    if (exitCode === undefined && signal === undefined) {
      this.#reject(lost(host));
      return;
    }
    const code = exitCode ?? exitCodeOfSignal(signal ?? '');
    if (method !== 'none' && !this.#hasStarted && code !== carrierCode)
      this.#reject(refusedSudo(this.#talk, code, this.#said()));
    const output = { exitCode: code, stdout: this.#stdout.text(), stderr: this.#said() };
    resolve({ output: signal === undefined ? output : { ...output, signal }, hasStarted: this.#hasStarted });
  }
}

const lost = (host: string): KbinError =>
  new ConnectionLost(`The connection to ${host} broke while a command ran: it may have run or not.`, true, {
    host,
    hint: 'Run kbin again: it observes the host first and does only what is missing.',
  });
