import { Secret } from '../../model/secret.ts';
import { pkiFolder } from '../../paths.ts';
import { newKeyPair, privatePem } from '../../pki/keys.ts';
import { keyringOf, type Keyring } from '../../pki/lock.ts';
import { recordIssued } from '../../pki/kubeconfigLedger.ts';
import { readAuthority } from '../../pki/stored.ts';
import { checkUser, issueUserCertificate, type IssuedUser, type UserRequest } from '../../pki/userCertificate.ts';
import { flag, INVENTORY_OPTION, list, type Arguments, type Command, type Option } from '../command.ts';
import { IDENTITY_OPTION, unlockOf } from '../unlock.ts';
import { entryOf, ledgerFile, openCluster, type Cluster } from './cluster.ts';
import { deliver } from './delivery.ts';
import { lengthOfTime, lifetimeOf, shortTime } from './lifetime.ts';
import { DELIVERY_OPTIONS, destinationOf, once, wishesOf } from './options.ts';

const DEFAULT_LIFETIME = '24h';
const SECOND = 1000;

const OPTIONS: Record<string, Option> = {
  ...INVENTORY_OPTION,
  ...IDENTITY_OPTION,
  group: { type: 'string', describe: 'group of the user, for RBAC; can be given several times' },
  expires: { type: 'string', describe: `how long it is valid: 90m, 8h, 30d (default ${DEFAULT_LIFETIME})` },
  ...DELIVERY_OPTIONS,
  'allow-masters': {
    type: 'boolean',
    describe: 'allow the group system:masters, which bypasses RBAC until the CA is rotated',
    default: false,
  },
};

export const issue: Command = {
  usage: 'kubeconfig issue <name>',
  describe: 'a kubeconfig for somebody else, with a client certificate that soon expires',
  options: OPTIONS,
  run: async (args) => {
    const destination = destinationOf(args);
    const wishes = wishesOf(args);
    const asked = askedOf(args);
    const cluster = await openCluster(args);
    const { cluster: name } = cluster.inventory;
    const now = Date.now();
    const keyring = keyringOf(pkiFolder(name), unlockOf(args));
    const { certificate, key, issued, isShortened } = await sign(cluster, asked, { now, keyring });
    const user = `${issued.name}@${name}`;
    const told = await deliver(
      { ...entryOf(cluster, wishes), user, certificate, key, context: user, ...wishes },
      destination,
      () => recordIssued(ledgerFile(name), issued, now),
    );
    const isOutputTaken = destination.kind === 'stdout' || destination.kind === 'stream';
    const say = isOutputTaken ? process.stderr : process.stdout;
    for (const line of [...summaryOf(issued, { now, isShortened }), ...told]) say.write(`${line}\n`);
    return 0;
  },
};

type Asked = Omit<UserRequest, 'algorithm'>;

/** Throws USAGE and REFUSED before anything is read. */
function askedOf(args: Arguments): Asked {
  const asked: Asked = {
    name: once(args, 'name') ?? '',
    groups: list(args, 'group'),
    lifetimeMilliseconds: lifetimeOf(once(args, 'expires') ?? DEFAULT_LIFETIME),
  };
  checkUser(asked, { allowMasters: flag(args, 'allow-masters') });
  return asked;
}

interface Signed {
  certificate: string;
  key: Secret;
  issued: IssuedUser;
  /** The authority ends before the time that was asked for. */
  isShortened: boolean;
}

/** The key is in memory only: it goes into the kubeconfig and nowhere else. */
async function sign(
  { inventory }: Cluster,
  asked: Asked,
  { now, keyring }: { now: number; keyring: Keyring },
): Promise<Signed> {
  const { algorithm } = inventory.certificates;
  const issuer = await readAuthority(pkiFolder(inventory.cluster), 'ca', keyring);
  const keys = await newKeyPair(algorithm);
  const { pem, issued } = issueUserCertificate({ ...asked, algorithm }, keys, { issuer, now });
  return {
    certificate: pem,
    key: new Secret(privatePem(keys.privateKey)),
    issued,
    isShortened: now + asked.lifetimeMilliseconds > issuer.notAfter,
  };
}

function summaryOf(issued: IssuedUser, { now, isShortened }: { now: number; isShortened: boolean }): string[] {
  const { name, groups, serial, expires } = issued;
  const member = groups.length === 0 ? 'in no group' : `in ${groups.join(', ')}`;
  // Certificates count in whole seconds.
  const length = lengthOfTime(Date.parse(expires) - Math.floor(now / SECOND) * SECOND);
  return [
    `Issued for ${name}, ${member}: valid until ${shortTime(expires)} (${length}), serial ${serial}.`,
    ...(isShortened ? ['It ends with the CA, which is before the time that was asked for.'] : []),
  ];
}
