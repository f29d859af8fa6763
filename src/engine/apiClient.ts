import { KbinError } from '../errors.ts';
import { hostsWith, type HostName, type Inventory, type Json } from '../model/inventory.ts';
import type { Connection, PkiStore } from '../model/ports.ts';
import { request, UnansweredError, type HttpResponse } from './http.ts';
import { parseJson } from './httpJson.ts';
import type { TlsSettings } from './httpStreams.ts';

/** Connections to hosts by name, as Fleet has them. */
export interface Connections {
  connection(name: HostName): Promise<Connection>;
}

/** Clients of the API with certificates of their own. `super-admin` goes past RBAC: only until RBAC is set up. */
export type ApiIdentity = 'admin' | 'super-admin';

export interface ApiSource {
  inventory: Inventory;
  fleet: Connections;
  pki: PkiStore;
  /** Control-plane hosts to ask, the first that answers is kept; default: all of the inventory. */
  hosts?: readonly HostName[];
}

export interface ApiQuestion {
  path: string;
  /** Default GET. */
  method?: 'GET' | 'PATCH' | 'DELETE';
  contentType?: string;
  body?: Json;
  /** Default admin. */
  identity?: ApiIdentity;
  /** Default 10, for each host that is asked. */
  timeoutSeconds?: number;
}

export interface ApiAnswer {
  status: number;
  /** null when it is not JSON. */
  body: Json;
  text: string;
  /** The apiserver's own clock, milliseconds since the epoch, whole seconds. */
  serverTime: number;
  host: HostName;
}

/** How kbin's own certificate for `kubernetes` is shown and verified: the name is in every apiserver certificate. */
export async function apiTls(pki: PkiStore, identity: ApiIdentity): Promise<TlsSettings> {
  const [ca, cert, key] = await Promise.all([
    pki.read({ certificate: 'ca', part: 'trusted' }),
    pki.read({ certificate: identity, part: 'certificate' }),
    pki.read({ certificate: identity, part: 'key' }),
  ]);
  return { ca: ca.reveal(), cert: cert.reveal(), key, serverName: 'kubernetes' };
}

const apiAnswer = (response: HttpResponse, host: HostName): ApiAnswer => ({
  status: response.status,
  body: parseJson(response.body),
  text: response.body,
  serverTime: Date.parse(response.headers['date'] ?? ''),
  host,
});

/** Asks whichever kube-apiserver answers, each through its own host, where it listens on every address. */
export class ApiClient {
  readonly #source: ApiSource;
  #preferred: HostName | undefined;

  constructor(source: ApiSource) {
    this.#source = source;
  }

  /** @throws UnansweredError, and what opening the connection throws. */
  async askHost(host: HostName, question: ApiQuestion): Promise<ApiAnswer> {
    const { method = 'GET', path, body, contentType = 'application/json', identity = 'admin' } = question;
    const response = await request({
      connection: await this.#source.fleet.connection(host),
      address: '127.0.0.1',
      port: this.#source.inventory.apiPort,
      tls: await apiTls(this.#source.pki, identity),
      method,
      path,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutSeconds: question.timeoutSeconds ?? 10,
    });
    return apiAnswer(response, host);
  }

  /**
   * The answer of the first control-plane host that gives one, whatever its status.
   *
   * @throws KbinError CONNECT when none answers, with each host's reason.
   */
  async ask(question: ApiQuestion): Promise<ApiAnswer> {
    const reasons: string[] = [];
    for (const host of this.#candidates()) {
      try {
        const answer = await this.askHost(host, question);
        this.#preferred = host;
        return answer;
      } catch (error) {
        if (!(error instanceof KbinError) || error.code === 'PKI') throw error;
        reasons.push(`${host}: ${error instanceof UnansweredError ? error.reason : error.message}`);
      }
    }
    throw new KbinError('CONNECT', `no kube-apiserver answers ${question.method ?? 'GET'} ${question.path}`, {
      evidence: reasons,
      hint: 'Look at kube-apiserver.service on the control-plane hosts.',
    });
  }

  /** True when some kube-apiserver says within the limit that it is ready; that one is asked from then on. */
  async isReady(withinSeconds: number): Promise<boolean> {
    const ask = async (host: HostName): Promise<HostName> => {
      const { status } = await this.askHost(host, { path: '/readyz', timeoutSeconds: withinSeconds });
      if (status !== 200) throw new KbinError('CONNECT', `kube-apiserver on ${host} is not ready`, { host });
      return host;
    };
    try {
      this.#preferred = await Promise.any(this.#candidates().map(ask));
      return true;
    } catch (error) {
      const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
      const bug = errors.find((each) => !(each instanceof KbinError));
      if (bug !== undefined) throw error;
      return false;
    }
  }

  #candidates(): HostName[] {
    const { hosts, inventory } = this.#source;
    const names = hosts ?? hostsWith(inventory, 'control-plane').map((host) => host.name);
    return [...names].sort((a, b) => Number(b === this.#preferred) - Number(a === this.#preferred));
  }
}
