import { z } from 'zod';
import { DEFAULTS } from '../defaults.ts';
import { label, localPath, target, userName } from './texts.ts';
import { choice, flag, list, may, must, port, section, text, whole, wrong } from './words.ts';

const { snapshots: defaults } = DEFAULTS;
const relative = 'Relative paths start at the inventory’s folder, ~ is the home directory.';

const number = (unit: string) => whole(0, 100_000, `a number of ${unit}`);

/** Keys without `default`: a target's are those of all targets otherwise. */
const keepKeys = (isShared: boolean) => {
  const about = (rule: keyof typeof defaults.keep) =>
    isShared ? { default: defaults.keep[rule] } : { otherwise: `etcd.snapshots.keep.${rule}` };
  const limit = (name: string) => ({ otherwise: isShared ? 'no limit' : `etcd.snapshots.keep.${name}` });
  return section({
    last: may(number('snapshots'), 'How many of the newest stay.', about('last')),
    hourly: may(number('hours'), 'The newest of each of so many hours that have one.', about('hourly')),
    daily: may(number('days'), 'The newest of each of so many days.', about('daily')),
    weekly: may(number('weeks'), 'The newest of each of so many weeks, which begin on Monday.', about('weekly')),
    monthly: may(number('months'), 'The newest of each of so many months.', about('monthly')),
    maximumAgeDays: may(
      whole(1, 36500, 'a number of days'),
      'What is older goes, whatever else says that it stays; never the newest verified one.',
      limit('maximumAgeDays'),
    ),
    maximumMiB: may(
      whole(1, 1_073_741_824, 'a size in MiB'),
      'The oldest go until the rest is this large; never the newest verified one.',
      limit('maximumMiB'),
    ),
  });
};

const remotePath = text(
  /^(?!~)[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/,
  'a path on the server',
  'Write it from the root, or from where the server puts the user; ~ means nothing there.',
);

const sftp = section({
  host: must(target(), 'Name or address of the server.', { examples: ['backup.example.com'] }),
  port: may(port(), 'Port of its sshd.', { default: 22 }),
  user: must(userName(), 'User there. Allowed to do SFTP is enough.', { examples: ['kbin'] }),
  path: must(remotePath, 'Folder there. It is made when it is missing.', { examples: ['/srv/backups/prod'] }),
  identityFile: may(localPath(), `Private key file. ${relative}`, {
    otherwise: 'ssh’s usual files; then the agent',
    examples: ['~/.ssh/id_backup'],
  }),
  hostKeys: may(choice(['strict', 'accept-new', 'off'], 'a host-key policy'), 'As ssh.hostKeys.', {
    otherwise: 'ssh.hostKeys',
  }),
  knownHosts: may(list(localPath(), 'Write paths of known_hosts files.'), `Files of known host keys. ${relative}`, {
    otherwise: 'ssh.knownHosts',
  }),
}).meta({ id: 'SftpTarget', description: 'A folder of another machine, over SFTP.' });

const ENDPOINT = /^https?:\/\/(?:[A-Za-z0-9](?:[-.A-Za-z0-9]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** With credentials in it, it is not repeated. */
function endpointError({ input }: { input?: unknown }): string {
  if (typeof input === 'string' && input.includes('@')) {
    return 'credentials are not written into the inventory.\nUse AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.';
  }
  return wrong('the URL of a server', 'Write it without a path, such as https://s3.example.com:9000.')({ input });
}

const endpoint = z.string({ error: endpointError }).regex(ENDPOINT, { error: endpointError });

const s3 = section({
  bucket: must(
    text(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'the name of a bucket',
      'Write small letters, digits, dots and dashes, 3 to 63.',
    ),
    'Name of the bucket, which must be there.',
    { examples: ['example-backups'] },
  ),
  prefix: may(
    text(
      /^(?:(?!\.{1,2}\/)[A-Za-z0-9._+=@-]+\/)*$/,
      'a prefix',
      'Write letters, digits, dots and dashes, and a slash at the end, such as etcd/prod/; or "" for none.',
    ),
    'What the names of objects begin with.',
    { otherwise: 'the cluster’s name and a slash' },
  ),
  region: may(text(/^[a-z0-9-]{1,64}$/, 'a region', 'Write such as eu-central-1.'), 'Region of the bucket.', {
    default: defaults.s3.region,
  }),
  endpoint: may(
    endpoint,
    'URL of a server that is not AWS. http only inside of a network that you trust: snapshots hold every Secret.',
    { otherwise: 'that of AWS in the region', examples: ['https://s3.example.com:9000'] },
  ),
  caFile: may(localPath(), `PEM file of the authority that signed the endpoint’s certificate. ${relative}`, {
    otherwise: 'those that Node.js trusts',
  }),
  pathStyle: may(flag(), 'The bucket in the path instead of the host’s name.', {
    otherwise: 'true with endpoint, false without',
  }),
}).meta({
  id: 'S3Target',
  description:
    'A bucket of S3 or a server that speaks it. Credentials are looked for where the AWS SDK does: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, the instance.',
});

const place = section({
  name: must(label('a target’s name'), 'Name of the target, for messages and flags.', { examples: ['backup-host'] }),
  path: may(localPath(), `A folder of the machine that runs kbin. ${relative}`, { examples: ['/var/backups/etcd'] }),
  sftp: may(sftp, 'A folder of another machine.'),
  s3: may(s3, 'A bucket.'),
  keep: may(keepKeys(false), 'How many stay at this target.', { otherwise: 'etcd.snapshots.keep, key by key' }),
}).meta({ id: 'SnapshotTarget', description: 'A place where snapshots lie: one of path, sftp and s3.' });

/** What was written is not repeated: it may be the identity, which is secret, instead of the recipient. */
function recipientError({ input }: { input?: unknown }): string {
  if (typeof input !== 'string') return wrong('a recipient', 'Write age1…, as age-keygen -y prints it.')({ input });
  return 'this is not a recipient of age.\nWrite age1…, as age-keygen -y prints it; never the identity (AGE-SECRET-KEY-…).';
}

const recipient = z
  .string({ error: recipientError })
  .regex(/^age1(?:[02-9ac-hj-np-z]{58}|pq1[02-9ac-hj-np-z]{100,})$/, { error: recipientError });

export const snapshots = section({
  targets: may(list(place, 'Write a list of targets with name and path, sftp or s3.'), 'Where snapshots lie.', {
    default: [],
  }),
  keep: may(keepKeys(true), 'How many stay, verified ones alone. What one rule keeps stays; times are UTC.'),
  compression: may(
    choice(['auto', 'none', 'gzip', 'zstd'], 'a compression'),
    'How snapshots are compressed. auto: zstd where the machine that takes them has it, gzip otherwise.',
    { default: defaults.compression },
  ),
  recipients: may(
    list(recipient, 'Write a list of age recipients.'),
    'age recipients for whom snapshots are encrypted. Only with them the certificate store is kept beside each.',
    { default: [], examples: [['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p']] },
  ),
});
