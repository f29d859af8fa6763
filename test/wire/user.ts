import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

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

  remove(): void {
    execFileSync('/usr/sbin/userdel', [this.name]);
  }
}
