import { CERTS } from './certs/index.ts';
import { type Entry, loadAll } from './entry.ts';
import { ETCD } from './etcd/index.ts';
import { KUBECONFIG } from './kubeconfig/index.ts';
import { TOKEN } from './token/index.ts';

const FLEET: readonly Entry[] = [
  { words: 'init', load: async () => (await import('./init.ts')).init },
  { words: 'validate', load: async () => (await import('./validate.ts')).validate },
  { words: 'plan', load: async () => (await import('./plan.ts')).plan },
  { words: 'deploy', load: async () => (await import('./deploy.ts')).deploy },
  { words: 'status', load: async () => (await import('./status.ts')).status },
  { words: 'exec', load: async () => (await import('./exec.ts')).exec },
  ...KUBECONFIG,
  ...CERTS,
  ...TOKEN,
  ...ETCD,
  { words: 'cache import', load: async () => (await import('./cache.ts')).cacheImport },
  { words: 'cache list', load: async () => (await import('./cache.ts')).cacheList },
  { words: 'cache verify', load: async () => (await import('./cache.ts')).cacheVerify },
  { words: 'reset', load: async () => (await import('./reset.ts')).reset },
];

/** Every command, in the order of --help. */
export const ENTRIES: readonly Entry[] = [
  ...FLEET,
  { words: 'completion', load: async () => (await import('./completion.ts')).completion(await loadAll(FLEET)) },
];
