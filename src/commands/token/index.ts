import type { Command } from '../command.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { listed } from './list.ts';

/** Commands of `kbin token`, in the order of --help. */
export const TOKEN: readonly Command[] = [create, listed, remove];
