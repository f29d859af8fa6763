import { join } from 'node:path';
import { operatorProgram } from '../../etcd/operatorProgram.ts';
import { cacheFolder, clusterFolder } from '../../paths.ts';
import type { RunSession } from '../run.ts';

/** Where snapshots stand on this machine until they are at their targets. */
export const spoolOf = (cluster: string): string => join(clusterFolder(cluster), 'spool');

/** A program of etcd that runs on this machine; undefined where the cache has none for it. Throws CACHE. */
export const operatorsEtcd = (
  { engine }: RunSession,
  name: 'etcd' | 'etcdutl',
  version: string,
): Promise<string | undefined> =>
  operatorProgram(engine.cache, { name, version }, { folder: join(cacheFolder(), 'operator') });
