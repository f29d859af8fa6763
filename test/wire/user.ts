import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { until } from './until.ts';

/** True where a test may make a user of its own: as root, with the programs for it. */
export const canMakeUsers =
  process.getuid?.() === 0 && ['/usr/sbin/useradd', '/usr/sbin/chpasswd'].every((path) => existsSync(path));
export const hasSudo = existsSync('/usr/bin/sudo');

/** A user of this machine with a password, until `remove`. With `sudo` it may become root by that password. */
export class TemporaryUser {
  readonly name = `kbinwire${process.pid}`;
  readonly password = `pass word ${Math.random()} 'q"\\`;

  constructor({ sudo = false } = {}) {
    execFileSync('/usr/sbin/useradd', ['-M', '-N', '-s', '/bin/sh', ...(sudo ? ['-G', 'sudo'] : []), this.name]);
    execFileSync('/usr/sbin/chpasswd', { input: `${this.name}:${this.password}\n` });
  }

  /** Process ids of its programs of this name, or of all. */
  processes(program?: string): number[] {
    const { stdout } = spawnSync('pgrep', ['-u', this.name, ...(program === undefined ? [] : ['-x', program])]);
    return stdout.toString().split('\n').filter(Boolean).map(Number);
  }

  /** userdel refuses while a process of the user is left: sshd's go only after their connection has ended. */
  async remove(): Promise<void> {
    await until(() => this.processes().length === 0, `the end of ${this.name}’s processes`);
    execFileSync('/usr/sbin/userdel', [this.name]);
  }
}
