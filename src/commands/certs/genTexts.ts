import { KbinError } from '../../errors.ts';
import { type CertificateRequest, parseRequest } from '../../pki/request/certificateRequest.ts';
import { Faults } from '../../pki/request/faults.ts';
import { authorityProfile } from '../../pki/request/generate.ts';
import { DEFAULT_PROFILE, parseProfile, type Profile } from '../../pki/request/profile.ts';
import { text, type Arguments } from '../command.ts';
import { readInput } from './genSource.ts';

const nameOf = (file: string): string => (file === '-' ? 'standard input' : file);

/** What request and signing configuration ask for. Throws USAGE with every fault of both. */
export async function readTexts(
  args: Arguments,
  isAuthority: boolean,
): Promise<{ request: CertificateRequest; profile: Profile }> {
  const [file = '', config, name] = ['file', 'config', 'profile'].map((option) => text(args, option));
  if (name !== undefined && config === undefined)
    throw new KbinError('USAGE', '--profile needs --config', { hint: 'Name the file that has the signing profiles.' });
  const hosts = text(args, 'hostname')
    ?.split(',')
    .map((host) => host.trim());
  const commonName = text(args, 'cn');
  const faults = new Faults();
  const request = parseRequest(await readInput(file), { file: nameOf(file), isAuthority, commonName, hosts }, faults);
  const profile =
    config === undefined
      ? DEFAULT_PROFILE
      : parseProfile(await readInput(config), { file: nameOf(config), name }, faults);
  faults.throwIfAny();
  return { request, profile: isAuthority ? authorityProfile(request) : profile };
}
