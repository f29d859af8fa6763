import type { Entry } from '../entry.ts';

/** Commands of `kbin token`, in the order of --help. */
export const TOKEN: readonly Entry[] = [
  { words: 'token create', load: async () => (await import('./create.ts')).create },
  { words: 'token list', load: async () => (await import('./list.ts')).listed },
  { words: 'token delete', load: async () => (await import('./delete.ts')).remove },
];
