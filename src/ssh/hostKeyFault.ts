import { KbinError } from '../errors.ts';
import { fingerprint, type HostKey, type KeyPlace, knownName, type KnownHost, type Verdict } from './knownHosts.ts';

export interface ShownKey {
  host: string;
  place: KeyPlace;
  shown: HostKey;
  /** File that an accepted key would go into. */
  file: string;
}

const whereOf = ({ file, line }: KnownHost): string => `${file}:${line}`;
const printOf = (entry: KnownHost): string => fingerprint(Buffer.from(entry.key, 'base64'));
const shownOf = ({ host, place }: ShownKey): string => `${host} (${place.address} port ${place.port})`;

/** The line that makes a key known. */
export const knownHostLine = ({ place, shown }: ShownKey): string => `${knownName(place)} ${shown.type} ${shown.key}`;

/** HOST_KEY for a key that the files do not accept as it is. */
export function hostKeyFault(verdict: Verdict, key: ShownKey): KbinError {
  if (verdict.state === 'changed') return changed(verdict.others, key);
  if (verdict.state === 'revoked') return revoked(verdict.others, key);
  return unknown(key);
}

function changed(others: readonly KnownHost[], key: ShownKey): KbinError {
  const { shown, place } = key;
  const same = others.find((entry) => entry.type === shown.type) ?? others[0];
  const was = same === undefined ? 'another key' : `${same.type} ${printOf(same)} at ${whereOf(same)}`;
  return new KbinError(
    'HOST_KEY',
    `The host key of ${shownOf(key)} changed: known is ${was}, shown was ${shown.type} ${shown.fingerprint}.`,
    {
      host: key.host,
      hint:
        'Somebody may be listening in, or the host was reinstalled. Compare the shown fingerprint with ' +
        '`ssh-keygen -lf` of /etc/ssh/ssh_host_*_key.pub on the host’s own console. Only if it is right, remove the ' +
        `old line: ssh-keygen -R '${knownName(place)}' -f ${same?.file ?? key.file}`,
      evidence: [
        ...others.map((entry) => `known ${entry.type} ${printOf(entry)} ${whereOf(entry)}`),
        `shown ${shown.type} ${shown.fingerprint}`,
      ],
    },
  );
}

function revoked(others: readonly KnownHost[], key: ShownKey): KbinError {
  const where = others.map(whereOf).join(', ');
  return new KbinError(
    'HOST_KEY',
    `The host key of ${shownOf(key)}, ${key.shown.fingerprint}, is revoked by ${where}.`,
    {
      host: key.host,
      hint: 'Do not connect: the key is known to be in wrong hands. Give the host a new key from its console.',
    },
  );
}

function unknown(key: ShownKey): KbinError {
  const { shown } = key;
  return new KbinError(
    'HOST_KEY',
    `The host key of ${shownOf(key)} is not known: ${shown.type} ${shown.fingerprint}.`,
    {
      host: key.host,
      hint:
        'Compare it with `ssh-keygen -lf` of /etc/ssh/ssh_host_*_key.pub on the host’s own console. If it is the same, ' +
        `add the line below to ${key.file} (or set ssh.hostKeys: accept-new for a first run in a trusted network).`,
      evidence: [knownHostLine(key)],
    },
  );
}
