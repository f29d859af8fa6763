import type { AnyAuthMethod, KeyboardInteractiveAuthMethod } from 'ssh2';
import { KbinError } from '../errors.ts';
import type { Secret } from '../model/secret.ts';
import type { ClosedKey, OpenKey } from './keyRing.ts';

export interface Credentials {
  keys: readonly (OpenKey | ClosedKey)[];
  /** Socket of an agent. */
  agent?: string | undefined;
  password?: Secret | undefined;
}

type Step =
  | { kind: 'key'; label: string; key: OpenKey['key'] }
  | { kind: 'agent'; label: string; socket: string }
  | { kind: 'password'; label: string; password: Secret };

const isOpen = (key: OpenKey | ClosedKey): key is OpenKey => 'key' in key;

/**
 * The order in which one login is tried: key files, the agent's keys, then the password, once, by whichever of
 * `password` and `keyboard-interactive` the server offers: a second guess could lock the account.
 */
export class Authentication {
  readonly #user: string;
  readonly #steps: Step[];
  readonly #tried: string[] = [];
  readonly #notes: string[];
  #offered: readonly string[] | null = null;
  #usesPassword = false;

  constructor(user: string, { keys, agent, password }: Credentials) {
    this.#user = user;
    this.#steps = [
      ...keys
        .filter(isOpen)
        .map(({ path, key, fingerprint }): Step => ({ kind: 'key', key, label: `${path} (${fingerprint})` })),
      ...(agent === undefined ? [] : [{ kind: 'agent' as const, socket: agent, label: `agent ${agent}` }]),
      ...(password === undefined ? [] : [{ kind: 'password' as const, password, label: 'password' }]),
    ];
    this.#notes = keys.flatMap((key) => (isOpen(key) ? [] : [`${key.path} ${key.reason}`]));
  }

  /** True once a password has gone out: such a login is not repeated, whatever became of it. */
  get usesPassword(): boolean {
    return this.#usesPassword;
  }

  /** Adds a line to what `fault` will show. */
  note(line: string): void {
    this.#notes.push(line);
  }

  /** ssh2's authHandler: the next method, or false when none is left. `offered` is null before the server answered. */
  next(offered: readonly string[] | null): AnyAuthMethod | false {
    this.#offered = offered;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if (step.kind === 'password' && offered === null) {
        // Asking with `none` makes the server name its methods, so that the one password attempt is the right one.
        this.#steps.unshift(step);
        return { type: 'none', username: this.#user };
      }
      const method = this.#method(step, offered ?? ['publickey']);
      if (method === undefined) continue;
      this.#tried.push(step.label);
      return method;
    }
    return offered === null ? { type: 'none', username: this.#user } : false;
  }

  /** AUTH: nothing was accepted; what was tried, what the server offers, which keys could not be used. */
  fault(where: string, host: string): KbinError {
    const offered = this.#offered === null ? 'did not say what it offers' : `offers ${this.#offered.join(', ')}`;
    const tried = this.#tried.length === 0 ? 'There was nothing to try' : `Tried: ${this.#tried.join('; ')}`;
    return new KbinError('AUTH', `${where} does not let ${this.#user} in. ${tried}. The server ${offered}.`, {
      host,
      hint: 'Check ssh.user and ssh.keys, and the host’s authorized_keys. kbin does not try again, so that no account is locked.',
      evidence: this.#notes,
    });
  }

  #method(step: Step, offered: readonly string[]): AnyAuthMethod | undefined {
    const username = this.#user;
    if (step.kind !== 'password' && !offered.includes('publickey')) return undefined;
    if (step.kind === 'key') return { type: 'publickey', username, key: step.key };
    if (step.kind === 'agent') return { type: 'agent', username, agent: step.socket };
    if (!offered.includes('password') && !offered.includes('keyboard-interactive')) return undefined;
    this.#usesPassword = true;
    return offered.includes('password')
      ? { type: 'password', username, password: step.password.reveal() }
      : { type: 'keyboard-interactive', username, prompt: this.#answer(step.password) };
  }

  /** Answers one hidden prompt with the password. Any other question (a code, a new password) is noted and declined. */
  #answer(password: Secret): KeyboardInteractiveAuthMethod['prompt'] {
    let isAnswered = false;
    return (_name, _instructions, _lang, prompts, finish) => {
      const [first] = prompts;
      if (!isAnswered && prompts.length === 1 && first?.echo === false) {
        isAnswered = true;
        finish([password.reveal()]);
        return;
      }
      this.#notes.push(...prompts.map(({ prompt }) => `the server asked: ${prompt.trim()}`));
      finish([]);
    };
  }
}
