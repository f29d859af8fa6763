import type { Command } from '../command.ts';
import { admin } from './admin.ts';
import { issue } from './issue.ts';
import { listIssued } from './list.ts';

/** Commands of `kbin kubeconfig`, in the order of --help. */
export const KUBECONFIG: readonly Command[] = [admin, issue, listIssued];
