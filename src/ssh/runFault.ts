import { KbinError } from '../errors.ts';
import { printable } from '../model/plainText.ts';

interface Asked {
  host: string;
  method: string;
  timeoutSeconds: number;
}

const MOST_LINES = 10;
const lastLines = (text: string): string[] =>
  printable(text.slice(-4096))
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-MOST_LINES);

/** AUTH: sudo asked again, so the one answer was wrong. There is no second one: it could lock the account. */
export const wrongPassword = ({ host }: Asked): KbinError =>
  new KbinError('AUTH', `sudo on ${host} refused the password.`, {
    host,
    hint: 'Correct ssh.become.passwordEnv or ssh.become.passwordFile. kbin tried once and does not try again.',
  });

/** The shell's exit code for a program that is not there. */
const NOT_FOUND = 127;

/** AUTH: sudo ended before the script began. */
export function refusedSudo({ host, method }: Asked, exitCode: number, said: string): KbinError {
  const evidence = lastLines(said);
  if (exitCode === NOT_FOUND) {
    return new KbinError('AUTH', `${host} has no sudo.`, {
      host,
      hint: 'Install sudo there, or log in as root (ssh.user: root, ssh.become.method: none).',
      evidence,
    });
  }
  const hint =
    method === 'sudo'
      ? 'Give the user a NOPASSWD rule in sudoers, or kbin the password (ssh.become.passwordEnv or passwordFile).'
      : 'Check the password and that sudoers lets this user run any command.';
  return new KbinError('AUTH', `sudo on ${host} refused to run a command (exit code ${exitCode}).`, {
    host,
    hint,
    evidence,
  });
}

/** TIMEOUT: sudo neither asked, nor refused, nor started the command. */
export const slowSudo = ({ host }: Asked, said: string): KbinError =>
  new KbinError('TIMEOUT', `sudo on ${host} is slow: it neither started the command nor refused it.`, {
    host,
    hint:
      'This is no refusal. Look at the host’s directory service (sssd, LDAP) and name resolution with `time sudo -n true`; ' +
      'a line below that ends in a question means that sudo waits for something kbin was not told.',
    evidence: lastLines(said),
  });

/** TIMEOUT: the command ran, and did not end in time. */
export const silentCommand = ({ host, timeoutSeconds }: Asked, said: string, isInputStuck: boolean): KbinError =>
  new KbinError(
    'TIMEOUT',
    `A command on ${host} did not end within ${timeoutSeconds} s${isInputStuck ? ', nor take all of its input' : ''}.`,
    {
      host,
      hint: isInputStuck
        ? 'The command or the network does not take data. Where small commands work and uploads stall, look for an MTU black hole: `ping -M do -s 1400 <address>`.'
        : 'Give slow hosts more time with ssh.commandSeconds.',
      evidence: lastLines(said),
    },
  );
