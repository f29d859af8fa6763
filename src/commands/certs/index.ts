import type { Command } from '../command.ts';
import { approve } from './approve.ts';
import { backup } from './backup.ts';
import { csr } from './csr.ts';
import { gen } from './gen.ts';
import { importCertificates } from './import.ts';
import { listCertificatesCommand } from './list.ts';
import { lock } from './lock.ts';
import { rekey } from './rekey.ts';
import { renew } from './renew.ts';
import { restore } from './restore.ts';
import { rotateCa, rotateEncryption, rotateSa } from './rotate.ts';
import { unlock } from './unlock.ts';

/** Commands of `kbin certs`, in the order of --help. */
export const CERTS: readonly Command[] = [listCertificatesCommand, renew, rotateCa, rotateSa, rotateEncryption, approve, gen, csr, importCertificates, lock, unlock, rekey, backup, restore];
