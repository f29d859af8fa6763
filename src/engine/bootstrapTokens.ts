import { randomInt } from 'node:crypto';
import { BOOTSTRAP_GROUP } from '../desired/rbac.ts';
import { KbinError } from '../errors.ts';
import type { JsonObject } from '../model/inventory.ts';
import { printable } from '../model/plainText.ts';
import type { ApiObject } from '../model/resource.ts';
import { Secret } from '../model/secret.ts';
import type { Api } from './api.ts';
import { apiPath, objectPath } from './apiPaths.ts';
import { textAt } from './httpJson.ts';

const PLACE = { apiVersion: 'v1', resource: 'secrets', namespace: 'kube-system' };
const TYPE = 'bootstrap.kubernetes.io/token';
const NAME = 'bootstrap-token-';
const ALL = `${apiPath(PLACE)}?fieldSelector=${encodeURIComponent(`type=${TYPE}`)}`;

const CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;

/** A bootstrap token without its secret half. Texts are safe to show. */
export interface BootstrapToken {
  id: string;
  /** Milliseconds since the epoch; null for one that does not expire. */
  expires: number | null;
  groups: string[];
  description: string;
}

/** One with its secret half. */
export interface NewToken {
  id: string;
  /** `ID.SECRET`, as a client shows it. */
  token: Secret;
  expires: number;
}

const random = (length: number): string =>
  Array.from({ length }, () => CHARACTERS.charAt(randomInt(CHARACTERS.length))).join('');

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Source: kubernetes.io, "Authenticating with Bootstrap Tokens", and cluster-bootstrap/token/api. */
function secretObject(id: string, fields: Readonly<Record<string, string>>): ApiObject {
  const { apiVersion, namespace, resource } = PLACE;
  const metadata = { name: `${NAME}${id}`, namespace };
  const data = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, base64(value)]));
  return {
    id: `object:${resource}/${namespace}/${metadata.name}`,
    phase: 'bootstrap',
    resource,
    object: { apiVersion, kind: 'Secret', metadata, type: TYPE, data },
  };
}

/** An id that no token has: what is there already would be replaced. */
async function freeId(api: Pick<Api, 'get'>): Promise<string> {
  for (;;) {
    const id = random(ID_LENGTH);
    const { status } = await api.get(apiPath({ ...PLACE, name: `${NAME}${id}` }));
    if (status === 404) return id;
    if (status !== 200) throw new KbinError('STEP', `the API answers ${status} for Secrets of kube-system`);
  }
}

/** A token that the cluster does not know yet. Throws CONNECT and STEP as the API does. */
export async function newToken(api: Pick<Api, 'get'>, expires: number): Promise<NewToken> {
  const id = await freeId(api);
  return { id, token: new Secret(`${id}.${random(SECRET_LENGTH)}`), expires };
}

/** Makes the cluster accept it, of kubelets that join by themselves. Throws CONNECT and STEP as the API does. */
export async function storeToken(
  api: Pick<Api, 'serverSideApply'>,
  { id, token, expires }: NewToken,
  description: string,
): Promise<void> {
  await api.serverSideApply(
    secretObject(id, {
      'token-id': id,
      'token-secret': token.reveal().slice(id.length + 1),
      expiration: new Date(expires).toISOString(),
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': BOOTSTRAP_GROUP,
      ...(description === '' ? {} : { description }),
    }),
  );
}

const decoded = (item: JsonObject, key: string): string =>
  printable(Buffer.from(textAt(item, 'data', key), 'base64').toString('utf8'), 500);

function tokenIn(item: JsonObject): BootstrapToken {
  const expires = Date.parse(decoded(item, 'expiration'));
  return {
    id: decoded(item, 'token-id'),
    expires: Number.isNaN(expires) ? null : expires,
    groups: decoded(item, 'auth-extra-groups')
      .split(',')
      .filter((group) => group !== ''),
    description: decoded(item, 'description'),
  };
}

/** Every bootstrap token, whoever made it, the one that expires first at the top. */
export async function listTokens(api: Pick<Api, 'list'>): Promise<BootstrapToken[]> {
  const { items } = await api.list(ALL);
  return items.map(tokenIn).sort((a, b) => (a.expires ?? Infinity) - (b.expires ?? Infinity));
}

/** Takes a token back. Throws USAGE when there is none of that id. */
export async function deleteToken(api: Pick<Api, 'get' | 'remove'>, id: string): Promise<void> {
  if (!new RegExp(`^[a-z0-9]{${ID_LENGTH}}$`).test(id)) {
    // It may be a whole token, so it is not repeated.
    throw new KbinError('USAGE', 'that is no id of a token', {
      hint: 'Write the six characters before the dot, as kbin token list shows them.',
    });
  }
  const path = objectPath(secretObject(id, {}));
  const { status } = await api.get(path);
  if (status === 404) {
    throw new KbinError('USAGE', `there is no token ${id}`, {
      hint: 'kbin token list shows those that are there; one that has expired is removed by the cluster.',
    });
  }
  await api.remove(path);
}
