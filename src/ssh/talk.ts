import { randomBytes } from 'node:crypto';
import type { SshSettings } from '../model/inventory.ts';
import type { Command } from '../model/ports.ts';
import type { BecomeMethod } from '../remote/become.ts';
import type { Talk } from './converse.ts';

/** sudo answers in milliseconds; a directory service that times out takes tens of seconds. */
const SUDO_SECONDS = 45;

/** What every command on a host has in common. */
export interface Session {
  host: string;
  settings: SshSettings;
  become: SshSettings['become']['method'];
  /** Exit code that the carrier of the command uses for its own failures; commands are then always marked. */
  carrierCode?: number;
}

/** How one command is to be held on this host: its way to root, its marker, its time. */
export function talkFor(command: Command, { host, settings, become, carrierCode }: Session): Talk {
  const { password } = settings.become;
  const { input } = command;
  const method = methodFor(command, become, password !== undefined);
  return {
    host,
    method,
    startSeconds: SUDO_SECONDS,
    timeoutSeconds: command.timeoutSeconds ?? settings.commandSeconds,
    ...(method === 'none' && carrierCode === undefined ? {} : { marker: randomMarker() }),
    ...(carrierCode === undefined ? {} : { carrierCode }),
    ...(method === 'sudo-password' && password !== undefined ? { password } : {}),
    ...(input === undefined ? {} : { input }),
  };
}

/** A word that no output holds by chance. */
export const randomMarker = (): string => `kbin-${randomBytes(9).toString('hex')}`;

function methodFor({ become = true }: Command, method: Session['become'], hasPassword: boolean): BecomeMethod {
  if (!become || method === 'none') return 'none';
  return hasPassword ? 'sudo-password' : 'sudo';
}
