import { EXTRA_AUTHORITIES, EXTRA_PER, EXTRA_RULES, LEAF_ROWS } from '../../catalog/certificates.ts';
import { certificateName } from './texts.ts';
import { choice, list, mapping, may, must, section, text, whole } from './words.ts';

const days = () => whole(1, 36500, 'a number of days');

/** What a certificate's subject can hold (RFC 5280, appendix A.1: ub-common-name, ub-organization-name). */
const subjectText = (what: string, example: string) =>
  text(
    /^(?=.{1,64}$)[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u,
    what,
    `Write at most 64 characters, without blanks at the ends, such as ${example}.`,
  );

const extra = section({
  name: must(
    text(
      /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/,
      'the name of a certificate',
      'Write small letters, digits and dashes, such as registry.',
    ),
    'Name in the certificate store. On hosts the pair is /etc/kubernetes/pki/NAME.',
    { examples: ['registry'] },
  ),
  ca: must(
    choice(EXTRA_AUTHORITIES, 'an authority'),
    'Who signs it. What etcd-ca signs has all of etcd; what front-proxy-ca signs can speak for any user.',
  ),
  commonName: must(
    subjectText('a common name', 'registry'),
    'Common name; for the API the name of a user. {host} stands for the host’s name.',
    { examples: ['registry'] },
  ),
  organizations: may(
    list(subjectText('an organization', 'team:web'), 'Write a list of organizations.'),
    'Organizations; for the API groups of the user.',
    { default: [], examples: [['team:web']] },
  ),
  usages: must(
    list(choice(['server', 'client'], 'a usage'), 'Write server, client or both.').min(1, {
      error: 'an empty list.\nWrite server, client or both.',
    }),
    'Whether servers or clients show it.',
    { examples: [['server']] },
  ),
  sans: may(
    list(certificateName(), 'Write names and addresses.'),
    'Names and addresses that it is for. A server’s needs some, here or by sanRules.',
    { default: [], examples: [['registry.example.com', '10.0.0.5']] },
  ),
  sanRules: may(
    list(choice(EXTRA_RULES, 'a rule for names'), 'Write rules, such as node-address.'),
    'Rules for further names, as in certs/catalog.yml.',
    { default: [], examples: [['loopback']] },
  ),
  per: may(
    choice(EXTRA_PER, 'a kind of host'),
    'Hosts that get one of their own. cluster: there is one, which stays in the store.',
    {
      default: 'cluster',
    },
  ),
  days: may(days(), 'Lifetime.', { otherwise: 'leafDays' }),
}).meta({ id: 'ExtraCertificate', description: 'A certificate beside those that the cluster needs.' });

/** Keys of `certificates` that are about single certificates. */
export const singleCertificates = {
  days: may(
    mapping(
      text(
        new RegExp(`^(?:${LEAF_ROWS.join('|')})$`),
        'a row of certs/catalog.yml',
        `Write one of ${LEAF_ROWS.join(', ')}.`,
      ),
      days(),
      'Write rows and days, such as admin: 30.',
    ),
    'Lifetimes of single rows of certs/catalog.yml, in place of leafDays.',
    { default: {}, examples: [{ admin: 30 }] },
  ),
  extra: may(list(extra, 'Write a list of certificates.'), 'Further certificates.', { default: [] }),
};
