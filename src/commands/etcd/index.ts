import type { Entry } from '../entry.ts';
import { MAINTAIN_WORDS } from './words.ts';

/** Commands of `kbin etcd`, in the order of --help. */
export const ETCD: readonly Entry[] = [
  { words: 'etcd status', load: async () => (await import('./status.ts')).status },
  { words: 'etcd snapshot', load: async () => (await import('./snapshot.ts')).snapshot },
  { words: 'etcd prune', load: async () => (await import('./prune.ts')).prune },
  { words: 'etcd rehearse', load: async () => (await import('./rehearse.ts')).rehearse },
  { words: 'etcd restore', load: async () => (await import('./restore.ts')).restore },
  ...MAINTAIN_WORDS.map((word) => ({
    words: `etcd ${word}`,
    load: async () => (await import('./maintain.ts')).MAINTAIN[word],
  })),
];
