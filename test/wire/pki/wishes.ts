import { cfssl, file, type Signer, signerFiles } from './programs.ts';

export const CONFIG = file({
  signing: {
    default: { expiry: '168h', usages: ['signing', 'key encipherment', 'client auth'] },
    profiles: {
      server: { expiry: '8760h', usages: ['signing', 'key encipherment', 'server auth'] },
      client: { expiry: '4380h30m', usages: ['signing', 'key encipherment', 'client auth'], backdate: '1h' },
      peer: { expiry: '8760h', usages: ['signing', 'key encipherment', 'server auth', 'client auth'] },
      ca: { expiry: '26280h', usages: ['cert sign', 'crl sign'], ca_constraint: { is_ca: true } },
      'ca-1': {
        expiry: '26280h',
        usages: ['digital signature', 'cert sign'],
        ca_constraint: { is_ca: true, max_path_len: 1 },
      },
      'ca-0': {
        expiry: '26280h',
        usages: ['cert sign', 'crl sign'],
        ca_constraint: { is_ca: true, max_path_len: 0, max_path_len_zero: true },
      },
      everything: {
        expiry: '1h',
        usages: [
          'signing', 'key encipherment', 'key agreement', 'data encipherment', 'encipher only', 'decipher only',
          'any', 'code signing', 's/mime', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'timestamping',
          'ocsp signing', 'microsoft sgc', 'netscape sgc',
        ], // prettier-ignore
        issuer_urls: ['http://ca.example/ca.crt', 'http://b.example/ca.crt'],
        ocsp_url: 'http://ocsp.example',
        crl_url: 'http://crl.example/ca.crl',
        ocsp_no_check: true,
        policies: [
          { id: '1.2.840.113556.1' },
          {
            id: '2.16.840.1.1',
            qualifiers: [
              { type: 'id-qt-cps', value: 'http://cps.example' },
              { type: 'id-qt-unotice', value: 'Grüße' },
            ],
          },
        ],
      },
      dated: {
        expiry: '1h',
        usages: ['signing'],
        not_before: '2026-01-01T00:00:00Z',
        not_after: '2051-06-30T12:30:15Z',
      },
    },
  },
});

export const FULL = { C: 'DE', ST: 'Hessen', L: 'Frankfurt am Main', O: 'Acme & Söhne', OU: 'Betrieb' };

export const REQUESTS: Record<string, object> = {
  'common name only': { CN: 'plain' },
  'server, RSA 2048': {
    CN: 'api.example.com',
    hosts: ['api.example.com', '*.api.example.com', '10.0.0.11', 'fd00::0011', '::ffff:10.0.0.12', 'localhost'],
    names: [FULL],
    key: { algo: 'rsa', size: 2048 },
  },
  'client, ECDSA 256': {
    CN: 'system:node:worker-1',
    names: [{ O: 'system:nodes' }],
    key: { algo: 'ecdsa', size: 256 },
  },
  'peer, ECDSA 384': {
    CN: 'etcd-1',
    hosts: ['etcd-1', '127.0.0.1', '::1', 'ops@example.com', 'Ops <root@example.com>'],
    names: [{ C: 'CH' }, { O: 'b' }, { O: 'a', OU: 'etcd' }, { C: 'AT', O: 'aa' }],
    key: { algo: 'ecdsa', size: 384 },
  },
  'ECDSA 521 with a serial number': {
    CN: 'Jürgen Groß',
    serialnumber: '4711',
    key: { algo: 'ecdsa', size: 521 },
  },
  'hosts only': { hosts: ['only.example.com', '10.0.0.1'] },
  'other spellings': {
    cn: 'lower',
    Hosts: ['a.example'],
    NAMES: [{ o: 'x', ST: '' }],
    Key: { Algo: 'ecdsa', Size: 256 },
  },
};

export const CA_REQUESTS: Record<string, object> = {
  'nothing but a name': { CN: 'Test CA' },
  'RSA 2048, path length': {
    CN: 'RSA CA',
    names: [FULL],
    key: { algo: 'rsa', size: 2048 },
    ca: { expiry: '87600h', pathlen: 2 },
  },
  'RSA 3072': { CN: 'RSA 3072 CA', key: { algo: 'rsa', size: 3072 } },
  'ECDSA 384, path length zero': {
    CN: 'P-384 CA',
    names: [{ O: 'Acme' }],
    key: { algo: 'ecdsa', size: 384 },
    ca: { expiry: '43800h', pathlen: 0, pathlenzero: true },
  },
  'ECDSA 521, path length zero without its key': { CN: 'P-521', key: { algo: 'ecdsa', size: 521 }, ca: { pathlen: 0 } },
  'hosts of all kinds': { CN: 'CA', hosts: ['ca.example', '10.0.0.1', 'fd00::1', 'ca@example.com'] },
  'names but no common name': { names: [FULL, { O: 'Beta' }], ca: { pathlen: 3, pathlenzero: true } },
};

export const newSigner = (request: object): Signer => signerFiles(cfssl({ request }));
export const EC_CA = { CN: 'EC CA', names: [FULL], ca: { expiry: '438000h' } };
let kept: Signer | undefined;
/** One authority for all that do not ask for another. */
export const signerHere = (): Signer => (kept ??= newSigner(EC_CA));
