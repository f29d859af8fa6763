import { authorityOf, readSigningKey } from '../../pki/request/authority.ts';
import { generateCertificate } from '../../pki/request/generate.ts';
import type { Command, Option } from '../command.ts';
import { systemClock } from '../session.ts';
import { IDENTITY_OPTION, unlockOf } from '../unlock.ts';
import { deliver, passwordOf, targetOf } from './genOutput.ts';
import { authorityTexts, readSecret, sourceOf } from './genSource.ts';
import { readTexts } from './genTexts.ts';

const named = (describe: string, alias?: string): Option => ({
  type: 'string',
  describe,
  ...(alias === undefined ? {} : { alias }),
});
const flagged = (describe: string): Option => ({ type: 'boolean', describe, default: false });

export const gen: Command = {
  usage: 'certs gen',
  describe: 'a key and its certificate, from a request and a signing profile as cfssl takes them',
  options: {
    file: { ...named('request, JSON; - is standard input', 'f'), required: true },
    ca: named('certificate of the authority that signs'),
    'ca-key': named('its key; with --initca the key that the new authority is to have'),
    inventory: named('inventory of the cluster whose authority signs', 'i'),
    ...IDENTITY_OPTION,
    authority: named('which of its authorities, such as ca or etcd-ca'),
    initca: { ...flagged('a new authority, which signs itself'), alias: 'self-signed' },
    config: named('signing configuration, JSON'),
    profile: named('which of its profiles; the default one without'),
    hostname: named('hosts in place of the request’s, comma-separated'),
    cn: named('common name in place of the request’s'),
    output: named('start of the file names: NAME.pem, NAME-key.pem; without, JSON on standard output', 'o'),
    csr: flagged('with -o: NAME.csr as well'),
    pkcs12: named('PKCS#12 file to write; it has the authority’s certificate too'),
    'password-env': named('variable that has its password; asked on the terminal without'),
    force: flagged('replace files that are there'),
  },
  run: async (args) => {
    const source = sourceOf(args);
    const keyFile = source.kind === 'new' ? source.keyFile : undefined;
    const target = targetOf(args, { hasKey: keyFile === undefined });
    const { request, profile } = await readTexts(args, source.kind === 'new');
    const now = systemClock.now();
    const authority = source.kind === 'new' ? null : authorityOf(await authorityTexts(source, unlockOf(args)), now);
    const key = keyFile === undefined ? {} : { key: readSigningKey(keyFile, await readSecret(keyFile)) };
    const password = await passwordOf(target);
    const generated = await generateCertificate({ request, profile, authority, now, ...key });
    for (const note of generated.notes) process.stderr.write(`warning: ${note}\n`);
    const written = deliver(target, { generated, authority, request, password });
    const until = new Date(generated.notAfter).toISOString().slice(0, 10);
    if (written.length > 0) process.stdout.write(`${written.join(', ')}: valid until ${until}\n`);
    return 0;
  },
};
