import { DEFAULT_PROFILE } from '../../../../src/pki/request/profile.ts';
import { faultsOf, profileOf } from './texts.ts';

const HOUR = 3_600_000;
const server = { usages: ['signing', 'key encipherment', 'server auth'], expiry: '8760h' };

test('without a default there is cfssl’s: a year for servers and clients', () => {
  expect(profileOf({})).toEqual(DEFAULT_PROFILE);
  expect(DEFAULT_PROFILE).toMatchObject({ expiry: 8760 * HOUR, backdate: 300_000 });
});

test('a profile takes what it does not say from the default one, but usages and constraints', () => {
  const standard = { ...server, ocsp_url: 'http://ocsp', crl_url: 'http://crl', issuer_urls: ['http://ca'] };
  const profile = profileOf({ default: standard, profiles: { c: { usages: ['client auth'], expiry: '1h' } } }, 'c');
  expect(profile).toEqual({
    keyUsages: [],
    extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'],
    expiry: HOUR,
    backdate: 300_000,
    issuerUrls: ['http://ca'],
    ocspUrl: 'http://ocsp',
    crlUrl: 'http://crl',
    isOcspNoCheck: false,
    policies: [],
  });
});

test('an expiry of zero is the default’s, a backdate of zero is five minutes', () => {
  const profile = profileOf({ default: server, profiles: { p: { ...server, expiry: '0s', backdate: '0s' } } }, 'p');
  expect(profile).toMatchObject({ expiry: 8760 * HOUR, backdate: 300_000 });
});

test.each([
  [{ is_ca: true }, {}],
  [{ is_ca: true, max_path_len: 1 }, { pathLength: 1 }],
  [{ is_ca: true, max_path_len_zero: true }, { pathLength: 0 }],
  [{ is_ca: false, max_path_len: 1 }, undefined],
])('ca_constraint %j is %j', (ca_constraint, authority) => {
  const usages = ca_constraint.is_ca ? ['cert sign'] : ['signing'];
  expect(profileOf({ default: { usages, expiry: '1h', ca_constraint } }).authority).toEqual(authority);
});

test('times, policies, whitelists', () => {
  const profile = profileOf({
    default: {
      ...server,
      not_before: '2030-01-01T00:00:00Z',
      not_after: '2031-01-01T00:00:00+01:00',
      name_whitelist: '\\.example\\.com$',
      policies: [{ ID: '1.2.3', Qualifiers: [{ Type: 'id-qt-cps', Value: 'http://cps' }] }],
      CSRWhitelist: { Subject: true, PublicKey: true, DNSNames: true },
      ocsp_no_check: true,
    },
  });
  expect(profile).toMatchObject({
    notBefore: Date.parse('2030-01-01T00:00:00Z'),
    notAfter: Date.parse('2030-12-31T23:00:00Z'),
    nameWhitelist: /\.example\.com$/u,
    policies: [{ id: '1.2.3', qualifiers: [{ type: 'id-qt-cps', value: 'http://cps' }] }],
    whitelist: { subject: true, dns: true, ip: false, email: false, uri: false },
    isOcspNoCheck: true,
  });
});

test('what is for cfssl’s server has no meaning and does no harm', () => {
  const remote = { remote: 'other', auth_key: 'k' };
  const profile = profileOf(
    { default: server, profiles: { remote, p: { ...server, auth_key: 'k', lint_error_level: 0 } } },
    'p',
  );
  expect(profile.expiry).toBe(8760 * HOUR);
});

test.each<[string, unknown, string | undefined, string]>([
  [
    'a profile that is not there',
    { default: server, profiles: { a: server, b: server } },
    'c',
    'signing.profiles.c: is missing. There are a, b.',
  ],
  [
    'a profile named like a method',
    { default: server },
    'constructor',
    'signing.profiles.constructor: is missing. There are none.',
  ],
  ['no expiry', { profiles: { p: { usages: ['signing'] } } }, 'p', 'signing.profiles.p.expiry: is missing.'],
  [
    'a bad expiry',
    { default: { ...server, expiry: '365d' } },
    undefined,
    'signing.default.expiry: "365d" is not a duration. Write 8760h.',
  ],
  [
    'a negative expiry',
    { default: { ...server, expiry: '-1h' } },
    undefined,
    'signing.default.expiry: "-1h" is negative.',
  ],
  [
    'an unknown usage',
    { default: { ...server, usages: ['server auht'] } },
    undefined,
    'signing.default.usages[0]: "server auht" is no usage.',
  ],
  [
    'a usage named like a method',
    { default: { ...server, usages: ['toString'] } },
    undefined,
    '"toString" is no usage.',
  ],
  ['no usages', { default: { expiry: '1h' } }, undefined, 'signing.default.usages: is missing.'],
  [
    'an authority that may not sign',
    { default: { ...server, ca_constraint: { is_ca: true } } },
    undefined,
    'usages: lacks "cert sign"',
  ],
  [
    'a signer that is no authority',
    { default: { ...server, usages: ['cert sign'] } },
    undefined,
    'usages: has "cert sign"',
  ],
  [
    'another signer',
    { default: server, profiles: { p: { remote: 'x' } } },
    'p',
    'signing.profiles.p.remote: names another signer',
  ],
  [
    'transparency logs',
    { default: { ...server, ct_log_servers: ['x'] } },
    undefined,
    'ct_log_servers: asks for certificate transparency',
  ],
  [
    'an unknown key',
    { default: { ...server, usage: [] } },
    undefined,
    'signing.default.usage: is no key that is known here.',
  ],
  ['an unknown section', { defaults: server }, undefined, 'signing.defaults: is no key that is known here.'],
  [
    'an end before the beginning',
    { default: { ...server, not_before: '2030-01-01T00:00:00Z', not_after: '2029-01-01T00:00:00Z' } },
    undefined,
    'not_after: is not after not_before.',
  ],
  ['a time', { default: { ...server, not_after: '2030-01-01' } }, undefined, 'not_after: "2030-01-01" is not a time.'],
  [
    'an expression',
    { default: { ...server, name_whitelist: '(' } },
    undefined,
    'name_whitelist: "(" is no regular expression',
  ],
  [
    'a policy',
    { default: { ...server, policies: [{ ID: 'x' }] } },
    undefined,
    'policies[0].ID: "x" is no object identifier.',
  ],
  [
    'a certificate without a key',
    { default: { ...server, CSRWhitelist: { Subject: true } } },
    undefined,
    'CSRWhitelist.PublicKey: is not let in',
  ],
  ['a list of profiles', { default: server, profiles: [] }, undefined, 'signing.profiles: A list is not an object.'],
])('%s is told with its place', (_, signing, name, expected) => {
  const faults = faultsOf(() => profileOf(signing, name));
  expect(faults).toEqual([expect.stringContaining(expected)]);
  expect(faults[0]).toMatch(/^config\.json signing/);
});

test('a default without usages is well, as long as another profile signs', () => {
  expect(profileOf({ default: { expiry: '168h' }, profiles: { p: server } }, 'p').expiry).toBe(8760 * HOUR);
});
