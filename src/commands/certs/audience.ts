import { KbinError } from '../../errors.ts';
import { type Audience, isRecipient } from '../../pki/age.ts';
import { askNewPassword } from '../../ui/password.ts';
import { flag, list, type Arguments, type Option } from '../command.ts';
import { takenPassphrase } from '../unlock.ts';

/** Who is to be able to open what a command encrypts. */
export const AUDIENCE_OPTIONS: Record<string, Option> = {
  recipient: { type: 'array', describe: 'age recipient (age1…) whose identity opens it; repeatable' },
  passphrase: { type: 'boolean', describe: 'a passphrase opens it, asked on the terminal', default: false },
};

/** Where a new passphrase comes from. */
export interface Asking {
  question: string;
  /** A variable that has it, where there is no terminal. */
  variable: string;
}

/** True when the options name somebody. */
export const hasAudience = (args: Arguments): boolean => list(args, 'recipient').length > 0 || flag(args, 'passphrase');

/** Throws USAGE unless the options name recipients, or a passphrase that can be had. */
export async function audienceOf(args: Arguments, asking: Asking): Promise<Audience> {
  const recipients = [...new Set(list(args, 'recipient').map((recipient) => recipient.trim()))];
  if (recipients.length > 0 === flag(args, 'passphrase'))
    throw new KbinError(
      'USAGE',
      recipients.length > 0 ? '--recipient and --passphrase exclude each other' : 'nothing says who is to open it',
      { hint: 'Write --recipient age1… for every identity that opens it, or --passphrase.' },
    );
  for (const [index, recipient] of recipients.entries()) await checkRecipient(recipient, index);
  return recipients.length > 0 ? { recipients } : newPassphrase(asking);
}

async function checkRecipient(text: string, index: number): Promise<void> {
  if (await isRecipient(text)) return;
  // What looks like anything else may be a secret that was given by mistake.
  const shown = /^age1[0-9a-z]*$/.test(text) ? ` (${text})` : '';
  throw new KbinError('USAGE', `--recipient number ${index + 1}${shown} is no age recipient that kbin can use`, {
    hint: 'It begins with age1, and age-keygen -y FILE prints it. SSH keys and plugins cannot be used here.',
  });
}

async function newPassphrase({ question, variable }: Asking): Promise<Audience> {
  const passphrase = takenPassphrase(variable) ?? (await askNewPassword(question));
  if (passphrase !== undefined) return { passphrase };
  throw new KbinError('USAGE', 'no passphrase was typed', {
    hint: `Run it on a terminal, or put the passphrase into ${variable}. Nothing was written.`,
  });
}
