import type { Duplex } from 'node:stream';
import ssh2, { type AuthHandlerMiddleware, type Client } from 'ssh2';
import type { KbinError } from '../errors.ts';
import type { Authentication } from './authentication.ts';
import { type Attempted, disconnected, incompatible, type Stage, timedOut, unreachable } from './connectFault.ts';
import { ignoreHostKeyOffers } from './hostKeyOffers.ts';
import { AttemptFailed } from './retry.ts';
import type { Login } from './route.ts';

export interface Handshake {
  login: Login;
  /** The way to sshd: a TCP socket or a channel of a jump host. */
  stream: Duplex;
  authentication: Authentication;
  /** Host-key algorithms to offer, the wanted ones first. */
  algorithms: readonly string[];
  /** Rejects with HOST_KEY when the server's key is not accepted. */
  verify(key: Buffer): Promise<void>;
  keepaliveSeconds: number;
  withinMs: number;
  signal?: AbortSignal | undefined;
}

/** Keepalives that may stay unanswered before the connection counts as lost. */
export const KEEPALIVE_MISSES = 3;

/** A logged-in client. Rejects with AttemptFailed or a KbinError; the stream is destroyed then. */
export function handshake(request: Handshake, attempted: Attempted): Promise<Client> {
  const client = new ssh2.Client();
  const story = new Story(request.authentication, attempted);
  return new Promise<Client>((resolve, reject) => {
    const settle = (fault: Error | undefined) => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
      if (fault === undefined) resolve(client);
      else reject(fault);
      if (fault !== undefined) request.stream.destroy();
    };
    const abort = () => settle(new Error('aborted'));
    const timer = setTimeout(() => settle(story.timeout()), request.withinMs);
    request.signal?.addEventListener('abort', abort, { once: true });
    const greeting = (chunk: Buffer) => {
      // Lines before the identification are allowed (RFC 4253, 4.2); sshd explains there why it hangs up.
      if (!chunk.includes('SSH-')) return;
      story.reach('keys');
      request.stream.off('data', greeting);
    };
    request.stream.on('data', greeting);
    client.on('handshake', () => story.reach('login'));
    // Stays for the client's life: a connection may break at any time, and its 'close' tells the session.
    client.on('error', (error) => story.add(error) && settle(story.fault()));
    client.on('change password', () => settle(story.expired()));
    client.once('close', () => settle(story.fault()));
    client.once('ready', () => settle(undefined));
    client.connect(configuration(request, story));
    ignoreHostKeyOffers(client);
  });
}

function configuration(request: Handshake, story: Story): Parameters<Client['connect']>[0] {
  const { login, stream, authentication, algorithms, keepaliveSeconds } = request;
  let accepted: Buffer | undefined;
  const handler = ((left: string[] | null, _partial: boolean, next: (method: unknown) => void) => {
    const method = authentication.next(left);
    if (method === false) story.exhaust();
    next(method);
  }) as unknown as AuthHandlerMiddleware;
  return {
    sock: stream,
    username: login.user,
    authHandler: handler,
    readyTimeout: 0,
    keepaliveInterval: keepaliveSeconds * 1000,
    keepaliveCountMax: KEEPALIVE_MISSES,
    // Ciphers and key exchange keep ssh2's order: curve25519 and AES-GCM first, both native in OpenSSL.
    algorithms: { serverHostKey: [...algorithms] as never },
    hostVerifier: (key: Buffer, verify: (isAccepted: boolean) => void) => {
      // A later key exchange on the same connection must show the same key.
      if (accepted !== undefined) return verify(accepted.equals(key));
      request.verify(key).then(
        () => {
          accepted = Buffer.from(key);
          verify(true);
        },
        (error: unknown) => {
          story.refuse(error);
          verify(false);
        },
      );
    },
  };
}

/** What happened during one handshake, and which fault that makes. */
class Story {
  readonly #authentication: Authentication;
  readonly #attempted: Attempted;
  #stage: Stage = 'greeting';
  #error: (Error & { level?: string; code?: unknown }) | undefined;
  #refusal: unknown;
  #isExhausted = false;

  constructor(authentication: Authentication, attempted: Attempted) {
    this.#authentication = authentication;
    this.#attempted = attempted;
  }

  reach(stage: Stage): void {
    if (this.#stage !== 'login') this.#stage = stage;
  }

  refuse(error: unknown): void {
    this.#refusal = error;
  }

  exhaust(): void {
    this.#isExhausted = true;
  }

  /** Returns true when the error ends the handshake: an agent that fails or a key that cannot sign does not. */
  add(error: Error & { level?: string }): boolean {
    if (!this.#isExhausted && (error.level === 'agent' || error.level === 'client-authentication')) {
      this.#authentication.note(error.message);
      return false;
    }
    this.#error ??= error;
    return true;
  }

  timeout(): AttemptFailed {
    return timedOut({ ...this.#attempted, stage: this.#stage });
  }

  expired(): KbinError {
    this.#authentication.note('the server wants a new password: the old one has expired');
    return this.#denied();
  }

  fault(): Error {
    const attempted = { ...this.#attempted, stage: this.#stage };
    const error = this.#error;
    if (this.#refusal !== undefined) return this.#refusal as Error;
    if (this.#isExhausted) return this.#denied();
    // ssh2 puts the reason number of RFC 4253, 11.1 into `code`; system errors have text there.
    if (typeof error?.code === 'number') {
      return this.#stage === 'login' ? disconnected(attempted, error) : unreachable(attempted, error);
    }
    if (error?.level === 'handshake' && this.#stage !== 'greeting') return incompatible(attempted, error);
    const lost = unreachable(attempted, error);
    return this.#authentication.usesPassword ? new AttemptFailed(lost.fault, 'never') : lost;
  }

  #denied(): KbinError {
    return this.#authentication.fault(this.#attempted.where, this.#attempted.host);
  }
}
