import type { Entry } from '../entry.ts';

/** Commands of `kbin kubeconfig`, in the order of --help. */
export const KUBECONFIG: readonly Entry[] = [
  { words: 'kubeconfig', load: async () => (await import('./admin.ts')).admin },
  { words: 'kubeconfig issue', load: async () => (await import('./issue.ts')).issue },
  { words: 'kubeconfig list', load: async () => (await import('./list.ts')).listIssued },
];
