import { hostKeyFault, type ShownKey } from './hostKeyFault.ts';
import { HostKeyStore } from './hostKeyStore.ts';
import { hostKey, judge, keysOf, type KnownHost } from './knownHosts.ts';
import type { Login } from './route.ts';

export type Warn = (message: string, host: string) => void;

/** Decides on host keys: known ones pass, changed and revoked ones never do, unknown ones as the policy says. */
export class HostKeyCheck {
  readonly #store = new HostKeyStore();
  readonly #warn: Warn;

  constructor(warn: Warn) {
    this.#warn = warn;
  }

  /** What the login's known_hosts files hold. */
  entries(login: Login): Promise<KnownHost[]> {
    return this.#store.entries(login.knownHosts);
  }

  /** True when some key is filed for this place. */
  async isKnown(login: Login): Promise<boolean> {
    return keysOf(await this.entries(login), login).length > 0;
  }

  /** Resolves when the key may be trusted; rejects with HOST_KEY. `accept-new` has then written it down. */
  async verify(blob: Buffer, login: Login, host: string): Promise<void> {
    const shown = hostKey(blob);
    const key: ShownKey = { host, place: login, shown, file: login.knownHosts[0] ?? '~/.ssh/known_hosts' };
    if (judge(await this.entries(login), login, shown).state === 'known') return;
    const verdict = judge(await this.#store.freshEntries(login.knownHosts), login, shown);
    if (verdict.state === 'known') return;
    if (verdict.state !== 'unknown' || login.hostKeys === 'strict') throw hostKeyFault(verdict, key);
    if (login.hostKeys === 'off') {
      this.#warn(`The host key ${shown.fingerprint} of ${login.address} port ${login.port} was not checked.`, host);
      return;
    }
    if (login.knownHosts.length > 0) await this.#store.accept(login.knownHosts, key);
    this.#warn(`The host key ${shown.fingerprint} of ${login.address} port ${login.port} is new and was kept.`, host);
  }
}
