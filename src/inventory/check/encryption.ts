import { DEFAULTS } from '../defaults.ts';
import { resourceName } from '../encryption.ts';
import { complaint, keyComplaint, quoted } from '../fault.ts';
import { orDefault, type Check } from './ground.ts';

export const checkKms: Check = ({ draft: { encryption } }) => {
  const provider = orDefault(encryption, 'provider', DEFAULTS.encryption.provider);
  if (encryption === undefined || provider === undefined) return [];
  const isThere = 'kms' in encryption;
  if (provider === 'kms' && !isThere) {
    return [complaint(['encryption', 'provider'], 'the section kms is missing.', 'Write kms with name and endpoint.')];
  }
  if (provider === 'kms' || !isThere) return [];
  return [keyComplaint(['encryption', 'kms'], `the provider is ${provider}.`, 'Remove it, or write provider: kms.')];
};

export const checkEncryptedResources: Check = ({ draft: { encryption } }) => {
  const names = (encryption?.resources ?? []).map((name) => (name === undefined ? undefined : resourceName(name)));
  return names.flatMap((name, index) =>
    name === undefined || names.indexOf(name) === index
      ? []
      : [complaint(['encryption', 'resources', index], `${quoted(name)} stands here twice.`, 'Write it once.')],
  );
};
