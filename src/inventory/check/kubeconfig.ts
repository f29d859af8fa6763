import { isAbsolute } from 'node:path/posix';
import { readYaml } from '../positions.ts';
import type { Trouble } from '../world.ts';

type Mapping = Record<string, unknown>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const mappingAt = (parent: unknown, key: string): Mapping => {
  const value = isMapping(parent) ? parent[key] : undefined;
  return isMapping(value) ? value : {};
};

/** The entry of that name in one of a kubeconfig's lists: what is under `key` in it. */
function entryOf(config: Mapping, list: string, key: string, name: unknown): Mapping | undefined {
  const entries = Array.isArray(config[list]) ? config[list] : [];
  const found: unknown = entries.find((entry: unknown) => isMapping(entry) && entry['name'] === name);
  return found === undefined ? undefined : mappingAt(found, key);
}

const FILES = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

/**
 * Why a kubeconfig cannot serve API servers as the address of a webhook. Nothing of its content is repeated: it can
 * hold tokens and keys.
 */
export function kubeconfigTroubles(text: string): Trouble[] {
  const fix = 'Name a kubeconfig, as kubectl config view --raw --flatten writes it.';
  const source = readYaml(text);
  if ('message' in source)
    return [{ message: `line ${source.line} of that file is not the YAML of a kubeconfig.`, fix }];
  const config = isMapping(source.value) ? source.value : {};
  if (config['kind'] !== 'Config') return [{ message: 'that file is no kubeconfig: its kind is not Config.', fix }];
  const context = entryOf(config, 'contexts', 'context', config['current-context']);
  if (context === undefined) return [{ message: 'its current-context is not one of its contexts.', fix }];
  const cluster = entryOf(config, 'clusters', 'cluster', context['cluster']);
  if (typeof cluster?.['server'] !== 'string' || !/^https?:\/\/./.test(cluster['server'])) {
    return [{ message: 'its current context has no cluster with the URL of a server.', fix }];
  }
  const user = entryOf(config, 'users', 'user', context['user']) ?? {};
  return FILES.flatMap((key) => {
    const path = cluster[key] ?? user[key];
    if (path === undefined || (typeof path === 'string' && isAbsolute(path))) return [];
    return [{ message: `its ${key} is no absolute path.`, fix: 'Name a file on the control planes, or embed it.' }];
  });
}
