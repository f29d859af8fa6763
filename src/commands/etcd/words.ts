/** Commands that keep etcd in order, in the order of --help. */
export const MAINTAIN_WORDS = ['defrag', 'compact', 'disarm', 'reclaim', 'move-leader', 'restart'] as const;
export type MaintainWord = (typeof MAINTAIN_WORDS)[number];
