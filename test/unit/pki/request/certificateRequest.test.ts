import { ATTRIBUTES, type Name } from '../../../../src/pki/names.ts';
import { faultsOf, requestOf } from './texts.ts';

const shortName = Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, oid]) => [oid, name]));
const spelt = (subject: Name): string =>
  subject.map((part) => part.map(({ type, value }) => `${shortName[type] ?? type}=${value}`).join('+')).join(', ');

test('the subject has Go’s order, and the same attribute of several names is one part', () => {
  const names = [
    { O: 'Acme', C: 'DE', OU: 'Ops', E: 'ops@acme.example', OID: { '1.2.3': 'x' } },
    { O: 'Beta', L: 'Wien', ST: 'W' },
  ];
  const { subject } = requestOf({ CN: 'web', names, serialnumber: '7' });
  expect(spelt(subject)).toBe(
    'C=DE, ST=W, L=Wien, O=Acme+O=Beta, OU=Ops, CN=web, serialNumber=7, 1.2.3=x, E=ops@acme.example',
  );
});

test('what is not there is as in cfssl: no names, no hosts, ECDSA P-256', () => {
  expect(requestOf({ CN: 'x' })).toEqual({
    subject: [[{ type: ATTRIBUTES.CN, value: 'x' }]],
    commonName: 'x',
    altNames: { dns: [], email: [], ip: [], uri: [] },
    key: { algorithm: 'ecdsa', size: 256 },
    notes: [],
  });
});

test('keys count in any case and null is nothing, as in Go', () => {
  expect(requestOf({ cn: 'x', Hosts: ['a.b'], KEY: { Size: 384 }, names: null })).toMatchObject({
    commonName: 'x',
    altNames: { dns: ['a.b'] },
    key: { algorithm: 'ecdsa', size: 384 },
  });
});

test('a serial number inside a name counts for nothing, and that is said', () => {
  const { subject, notes } = requestOf({ CN: 'x', names: [{ SerialNumber: '5' }] });
  expect(spelt(subject)).toBe('CN=x');
  expect(notes).toEqual([expect.stringContaining('names[0].SerialNumber has no effect')]);
});

test('the command line goes before the request', () => {
  const request = requestOf({ CN: 'x', hosts: ['a.b'] }, { commonName: 'y', hosts: ['c.d', '10.0.0.1'] });
  expect(request).toMatchObject({ commonName: 'y', altNames: { dns: ['c.d'], ip: ['10.0.0.1'] } });
});

test.each([
  [{}, {}],
  [{ pathlen: 2 }, { pathLength: 2 }],
  [{ pathlen: 0 }, {}],
  [{ pathlenzero: true }, { pathLength: 0 }],
  [{ pathlen: 3, pathlenzero: true }, { pathLength: 3 }],
  [{ pathlen: -1 }, {}],
])('the ca section %j is the constraint %j', (ca, constraint) => {
  expect(requestOf({ CN: 'x', ca }, { isAuthority: true }).ca).toEqual({ constraint });
});

test('expiry and backdate of a new authority', () => {
  const ca = { expiry: '87600h', backdate: '1h' };
  expect(requestOf({ CN: 'x', ca }, { isAuthority: true }).ca).toEqual({
    constraint: {},
    expiry: 315_360_000_000,
    backdate: 3_600_000,
  });
});

test.each<[string, unknown, string[]]>([
  ['neither name nor host', { names: [{ O: 'x' }] }, ['CN: is missing. Write whose certificate it is, or hosts.']],
  ['an algorithm', { CN: 'x', key: { algo: 'ed25519' } }, ['key.algo: "ed25519" is no algorithm']],
  ['a small RSA key', { CN: 'x', key: { algo: 'rsa', size: 1024 } }, ['key.size: 1024 is too small for RSA.']],
  ['a large RSA key', { CN: 'x', key: { algo: 'rsa', size: 8193 } }, ['key.size: 8193 is too large for RSA.']],
  ['an RSA key without a size', { CN: 'x', key: { algo: 'rsa' } }, ['key.size: is missing.']],
  ['a size as text', { CN: 'x', key: { algo: 'rsa', size: '2048' } }, ['key.size: "2048" is not a whole number.']],
  ['a curve', { CN: 'x', key: { algo: 'ecdsa', size: 224 } }, ['key.size: 224 is no curve of ECDSA.']],
  ['an unknown key', { CN: 'x', host: ['a'] }, ['host: is no key that is known here.']],
  ['a prototype’s key', '{"CN":"x","constructor":1}', ['constructor: is no key that is known here.']],
  ['a key twice', '{"CN":"x","cn":"y"}', ['cn: is there twice']],
  ['a ca section', { CN: 'x', ca: {} }, ['ca: is for a new authority (--initca) only.']],
  ['an object in place of a list', { CN: 'x', names: { O: 'a' } }, ['names: An object is not a list.']],
  ['control characters', { CN: 'a\nb' }, ['CN: "a\\nb" holds control characters.']],
  [
    'an object identifier',
    { CN: 'x', names: [{ OID: { '9.9': 'v' } }] },
    ['names[0].OID.9.9: is no object identifier.'],
  ],
  ['a mail address', { CN: 'x', names: [{ E: 'ä@b' }] }, ['names[0].E: "ä@b" is no mail address in ASCII.']],
  ['extensions', { CN: 'x', extensions: [{ Id: [1, 2] }] }, ['extensions: is not known to kbin.']],
  ['a text that is no JSON', '{"CN":', ['is not JSON']],
  ['a list', '[]', ['A list is not an object.']],
  ['an empty name', { CN: '', names: [{ O: 'x' }] }, ['CN: is missing.']],
  [
    'an empty host among others',
    { hosts: ['a.b', '', 'c:1'] },
    ['hosts[1]: is empty.', 'hosts[2]: "c:1" names a port.'],
  ],
])('%s is told with its place', (_, value, expected) => {
  const faults = faultsOf(() => requestOf(value));
  expect(faults).toEqual(expected.map((what): unknown => expect.stringContaining(what)));
  for (const fault of faults) expect(fault).toMatch(/^request\.json[ :]/);
});

test('all faults are told at once', () => {
  const ca = { expiry: '10y', backdate: '-5m', pathlen: 1.5, pathlenzero: 1 };
  expect(faultsOf(() => requestOf({ ca, key: { algo: 'rsa', size: 2 } }, { isAuthority: true }))).toEqual([
    'request.json CN: is missing. Write whose certificate it is.',
    'request.json key.size: 2 is too small for RSA. Write 2048 to 8192.',
    'request.json ca.expiry: "10y" is not a duration. Write 87600h.',
    'request.json ca.backdate: "-5m" is negative. Write a positive duration.',
    'request.json ca.pathlen: 1.5 is not a whole number from -1 to 255.',
    'request.json ca.pathlenzero: 1 is neither true nor false.',
  ]);
});

test('an empty host on the command line is told', () => {
  expect(faultsOf(() => requestOf({ CN: 'x' }, { hosts: ['a.b', ''] }))).toEqual([
    '--hostname: has an empty host. Write hosts with one comma between them.',
  ]);
});
