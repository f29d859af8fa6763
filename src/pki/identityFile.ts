import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { isIdentity } from './age.ts';

/**
 * Identities of a file as age-keygen writes it: one a line, beside comments and empty lines. Throws PKI, naming file and
 * line but never what stands there.
 */
export async function identitiesIn(text: Secret, file: string): Promise<Secret[]> {
  const keys: Secret[] = [];
  for (const [index, line] of text.reveal().split(/\r?\n/).entries()) {
    const own = line.trim();
    if (own === '' || own.startsWith('#')) continue;
    keys.push(new Secret(own));
    if (await isIdentity(new Secret(own))) continue;
    throw new KbinError('PKI', `${file}:${index + 1} is no age identity that kbin can use`, {
      hint: hintFor(own),
    });
  }
  if (keys.length > 0) return keys;
  throw new KbinError('PKI', `${file} has no age identity`, { hint: 'age-keygen -o FILE writes one.' });
}

function hintFor(line: string): string {
  if (line.startsWith('AGE-PLUGIN-')) return 'Identities of plugins cannot be used: name one that age-keygen wrote.';
  if (line.startsWith('age1')) return 'This is a recipient, which only encrypts: name the file of its identity.';
  return 'A line of it begins with AGE-SECRET-KEY, as age-keygen writes it.';
}
