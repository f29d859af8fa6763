import type { Command } from '../command.ts';
import { MAINTAIN } from './maintain.ts';
import { restore } from './restore.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';

/** Commands of `kbin etcd`, in the order of --help. */
export const ETCD: readonly Command[] = [status, snapshot, restore, ...MAINTAIN];
