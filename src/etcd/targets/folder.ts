import type { FolderTarget } from '../../model/snapshot.ts';
import type { SnapshotTarget } from '../target.ts';
import { FileTarget } from './fileTarget.ts';
import { localFiles } from './localFiles.ts';

/** A folder of this machine, which the first file makes. */
export const folderTarget = ({ path }: FolderTarget): SnapshotTarget =>
  new FileTarget({ label: path, folder: path, files: localFiles });
