import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import { hostsWith, type JsonObject } from '../model/inventory.ts';
import type { File } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import type { Flags } from './flags.ts';
import { privateFile } from './resources.ts';
import { isAtLeast } from './versions.ts';

const PATH = join(PLACES.kubernetes, 'authentication.yaml');

/** Flags of the apiserver that the inventory's overrides set, in `args` or in `config`. */
function overridden(context: Context): JsonObject {
  const { args, config } = overrideOf(context, 'kube-apiserver');
  return { ...config, ...args };
}

/**
 * AuthenticationConfiguration: who may come without certificate or token, and whose tokens are accepted. It is GA since
 * 1.34, and it excludes the flags of the same matter, so an inventory that uses those gets no file.
 */
export function authenticationParts(context: Context): { files: File[]; flags: Flags } {
  const { versions, authentication } = context.inventory;
  const usesFlags = Object.keys(overridden(context)).some(
    (name) => name === 'anonymous-auth' || name === 'authentication-config' || name.startsWith('oidc-'),
  );
  if (usesFlags || !isAtLeast(versions.kubernetes, '1.34')) return { files: [], flags: {} };
  const { anonymous, jwt } = authentication;
  const document: JsonObject = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    anonymous: { ...anonymous },
    ...(jwt.length === 0 ? {} : { jwt }),
  };
  return {
    files: [privateFile('apiserver', PATH, context.write.yaml(document))],
    flags: { 'authentication-config': PATH },
  };
}

/**
 * Whether every apiserver answers /readyz to clients that nobody knows, such as balancers. Otherwise they get 401 from
 * one that is ready and from one that is not.
 */
export function isReadyzPublic({ inventory, ...context }: Context): boolean {
  const { enabled, conditions } = inventory.authentication.anonymous;
  const isPublic = enabled && (conditions ?? [{ path: '/readyz' }]).some(({ path }) => path === '/readyz');
  return hostsWith(inventory, 'control-plane').every((host) => {
    const flag = overridden({ ...context, inventory, host })['anonymous-auth'];
    return flag === undefined || flag === null ? isPublic : flag !== false && flag !== 'false';
  });
}
