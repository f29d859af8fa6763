import { expect, test } from '@jest/globals';
import type { CertificatePlace, CertificateRow, Disagreement } from '../../../src/model/certificateRow.ts';
import { certificateLines } from '../../../src/ui/certificateTable.ts';
import { certificatesJson, certificatesMetrics } from '../../../src/ui/certificateTexts.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-20T12:00:00Z');
const AT = { store: null, disk: '/pki/tls.crt', wire: 'kubelet at 127.0.0.1:10250' };

interface Of {
  days?: number;
  faults?: Disagreement[];
  changes?: Partial<CertificateRow>;
}

function row(
  name: string,
  host: string | null,
  place: CertificatePlace,
  { days = 364, faults = [], changes }: Of = {},
) {
  const [notBefore, notAfter] = [NOW - DAY, NOW + days * DAY];
  const made: CertificateRow = {
    ...{ name, host, place, at: AT[place], disagreements: faults },
    found: {
      ...{ subject: `cn of ${name}`, issuer: 'kubernetes', organizations: ['dev'], sans: ['a', '10.0.0.1'] },
      ...{ serial: `5E-${name}-${host ?? ''}`, notBefore, notAfter, daysLeft: days },
    },
    ...changes,
  };
  return made;
}
const PLACES: CertificatePlace[] = ['store', 'disk', 'wire'];
const everywhere = (name: string, host: string, of: Of = {}): CertificateRow[] =>
  PLACES.map((place) => row(name, host, place, of));
const hosts = (count: number): string[] => Array.from({ length: count }, (_, index) => `w-${index + 1}`);
const older = (serial: string): Disagreement => ({ code: 'older', text: `is still serial ${serial}` });
const lines = (rows: CertificateRow[], count = 3, isEach = false): string[] =>
  certificateLines(rows, { hosts: count, isEach });

test('hosts that agree share a line, at 300 hosts as at 3', () => {
  const rows = [row('ca', null, 'store', { days: 3649 }), ...hosts(300).flatMap((host) => everywhere('serving', host))];
  expect(lines(rows, 300)).toEqual([
    'CERTIFICATE   HOSTS                       SEEN             ENDS        DAYS  STATE',
    'serving ×300  w-1, w-2, w-3 and 297 more  store disk wire  2027-11-19  364   all agree',
    'ca            -                           store - -        2036-11-16  3649  fine',
    '',
    '301 certificates on 300 hosts: all agree; next to end: serving of w-1, in 364 days',
  ]);
});

test('what is wrong stands first, under its line, and of many hosts a few are told', () => {
  const wrong = hosts(9).map((host, index) => row('serving', host, 'wire', { faults: [older(String(index))] }));
  const rows = [...wrong, ...everywhere('serving', 'w-10', { days: 10 }), ...everywhere('kubelet', 'w-1', { days: 5 })];
  expect(lines(rows, 10)).toEqual([
    'CERTIFICATE  HOSTS                     SEEN             ENDS        DAYS  STATE',
    'serving ×9   w-1, w-2, w-3 and 6 more  - - wire         2027-11-19  364   9 disagreements',
    '  ! w-1 kubelet at 127.0.0.1:10250: is still serial 0',
    '  ! w-2 kubelet at 127.0.0.1:10250: is still serial 1',
    '  ! w-3 kubelet at 127.0.0.1:10250: is still serial 2',
    '  ! and 6 more: --all',
    'kubelet      w-1                       store disk wire  2026-11-25  5     all agree',
    'serving      w-10                      store disk wire  2026-11-30  10    all agree',
    '',
    '11 certificates on 10 hosts: 9 disagreements; next to end: kubelet of w-1, in 5 days',
  ]);
  expect(lines(rows, 10, true).filter((line) => line.startsWith('  !'))).toHaveLength(9);
});

test('what has expired everywhere is told once, with its places', () => {
  const expired: Disagreement = { code: 'expired', text: 'expired on 2026-11-18' };
  const rows = [...everywhere('serving', 'w-1', { days: -2, faults: [expired] }), row('admin', null, 'store')];
  expect(lines(rows, 1).slice(1)).toEqual([
    'serving      w-1    store disk wire  2026-11-18  -2    EXPIRED',
    '  ! w-1 store, /pki/tls.crt, kubelet at 127.0.0.1:10250: expired on 2026-11-18',
    'admin        -      store - -        2027-11-19  364   fine',
    '',
    '2 certificates on 1 host: 1 expired; next to end: admin, in 364 days',
  ]);
});

test('the same fault of several hosts is one line', () => {
  const fault: Disagreement = { code: 'unknown', text: 'is strange' };
  const rows = [
    row('serving', null, 'store', { faults: [fault] }),
    ...['w-10', 'w-2'].map((host) => row('serving', host, 'disk', { faults: [fault] })),
    row('serving', 'w-2', 'wire', { faults: [fault] }),
  ];
  expect(lines(rows, 2).slice(1, 3)).toEqual([
    'serving ×2   w-2, w-10  store disk wire  2027-11-19  364   4 disagreements',
    '  ! store; w-10, w-2 /pki/tls.crt; w-2 kubelet at 127.0.0.1:10250: is strange',
  ]);
});

test('a host that could not be asked stays in the line of the others, and its reason is told once', () => {
  const unseen = { found: null, unseen: { code: 'CONNECT', message: 'w-2: no route to host' } };
  const rows = [
    ...everywhere('serving', 'w-1'),
    row('serving', 'w-2', 'store'),
    row('serving', 'w-2', 'disk', { changes: unseen }),
    row('serving', 'w-2', 'wire', { changes: unseen }),
  ];
  expect(lines(rows, 2).slice(1)).toEqual([
    'serving ×2   w-1, w-2  store disk wire  2027-11-19  364   unknown on w-2',
    '',
    'unknown: w-2: no route to host',
    '2 certificates on 2 hosts: 1 host not seen in full; next to end: serving of w-1, in 364 days',
  ]);
});

test('hundreds of hosts with one reason are one line', () => {
  const unseen = { found: null, unseen: { code: 'TIMEOUT', message: 'no answer within 10 s' } };
  const rows = hosts(300).map((host) => row('serving', host, 'disk', { changes: unseen }));
  expect(lines(rows, 300).slice(-2)).toEqual([
    'unknown: w-1, w-2, w-3 and 297 more: no answer within 10 s',
    '0 certificates on 300 hosts: 300 hosts not seen in full',
  ]);
});

test('what is left over is counted, and told with --all', () => {
  const rows = [
    row('admin', null, 'store'),
    row('kubelet', 'gone', 'store', { changes: { isUnused: true }, days: -9 }),
  ];
  expect(lines(rows, 1).slice(1)).toEqual([
    'admin        -      store - -  2027-11-19  364   fine',
    '',
    '1 certificate in the store, not needed any more: --all',
    '1 certificate on 1 host: all agree; next to end: admin, in 364 days',
  ]);
  expect(lines(rows, 1, true)[2]).toMatch(/^kubelet .* not needed any more /);
});

test('--all tells the fields of each', () => {
  expect(lines([...everywhere('serving', 'w-1'), row('serving', 'w-2', 'disk')], 2, true)).toEqual([
    'CERTIFICATE  HOST  SEEN             ENDS        DAYS  STATE      SUBJECT               ISSUER      SERIAL          NAMES',
    'serving      w-1   store disk wire  2027-11-19  364   all agree  cn of serving, O=dev  kubernetes  5E-serving-w-1  a, 10.0.0.1',
    'serving      w-2   - disk -         2027-11-19  364   fine       cn of serving, O=dev  kubernetes  5E-serving-w-2  a, 10.0.0.1',
    '',
    '2 certificates on 2 hosts: all agree; next to end: serving of w-1, in 364 days',
  ]);
});

test('what ends within the time that was asked for', () => {
  const rows = everywhere('serving', 'w-1', { days: 3 });
  const told = (ending: CertificateRow[]) =>
    certificateLines(rows, { hosts: 1, isEach: false, ending: { within: '30d', rows: ending } }).at(-2);
  expect(told(rows)).toBe('within 30d: 1 certificate ends: serving of w-1');
  expect(told([...rows, row('admin', null, 'store')])).toBe('within 30d: 2 certificates end: serving of w-1, admin');
  expect(told([])).toBe('within 30d: none ends');
});

test('what a host says steers no terminal', () => {
  const rows = [row('serving', 'w-1', 'disk', { faults: [{ code: 'unknown', text: 'is \x1b[2J\nevil' }] })];
  expect(lines(rows, 1).join('\n')).toContain('  ! w-1 /pki/tls.crt: is evil');
});

const listing = { cluster: 'prod', listedAt: NOW + 7, hosts: ['w-1', 'w-2'] };

test('JSON tells everything, and null where nothing was found', () => {
  const unseen = { code: 'CONNECT', message: 'w-2: no route to host' };
  const rows = [
    row('serving', 'w-1', 'wire', { faults: [older('1')] }),
    row('serving', 'w-2', 'disk', { changes: { found: null, unseen } }),
  ];
  expect(JSON.parse(certificatesJson(rows, listing))).toEqual({
    cluster: 'prod',
    listedAt: '2026-11-20T12:00:00.007Z',
    hosts: ['w-1', 'w-2'],
    certificates: [
      {
        ...{ name: 'serving', host: 'w-1', place: 'wire', at: AT.wire, subject: 'cn of serving', issuer: 'kubernetes' },
        ...{ organizations: ['dev'], sans: ['a', '10.0.0.1'], serial: '5E-serving-w-1', daysLeft: 364 },
        ...{ notBefore: '2026-11-19T12:00:00.000Z', notAfter: '2027-11-19T12:00:00.000Z' },
        ...{ disagreements: [older('1')], unknown: null, unused: false },
      },
      {
        ...{ name: 'serving', host: 'w-2', place: 'disk', at: AT.disk, subject: null, issuer: null },
        ...{ organizations: null, sans: null, serial: null, daysLeft: null, notBefore: null, notAfter: null },
        ...{ disagreements: [], unknown: unseen, unused: false },
      },
    ],
  });
});

test('metrics: one sample a label set, the worst of several; none of what was not seen', () => {
  const rows = [
    row('ca', 'w-1', 'disk', { days: 9 }),
    row('ca', 'w-1', 'disk', { days: 5, faults: [older('1'), older('2')], changes: { at: '/b' } }),
    row('ca', 'w-1', 'disk', { days: 7, changes: { at: '/c' } }),
    row('ca', null, 'store', { days: 9 }),
    row('/odd "name"\\', 'w-1', 'disk', { changes: { found: null }, faults: [{ code: 'missing', text: '' }] }),
    row('x', 'w-2', 'disk', { changes: { found: null, unseen: { code: 'CONNECT', message: '' } } }),
    row('x', 'w-3', 'store', { changes: { isUnused: true } }),
  ];
  const end = (days: number) => NOW / 1000 + days * 86_400;
  expect(certificatesMetrics(rows, listing)).toBe(
    `# HELP kbin_certificate_not_after_seconds When the certificate ends, as it was found in this place.
# TYPE kbin_certificate_not_after_seconds gauge
kbin_certificate_not_after_seconds{cluster="prod",host="",name="ca",place="store"} ${end(9)}
kbin_certificate_not_after_seconds{cluster="prod",host="w-1",name="ca",place="disk"} ${end(5)}
# HELP kbin_certificate_disagreements In how many ways the certificate in this place is not as it should be.
# TYPE kbin_certificate_disagreements gauge
kbin_certificate_disagreements{cluster="prod",host="",name="ca",place="store"} 0
kbin_certificate_disagreements{cluster="prod",host="w-1",name="/odd \\"name\\"\\\\",place="disk"} 1
kbin_certificate_disagreements{cluster="prod",host="w-1",name="ca",place="disk"} 2
# HELP kbin_certificates_unknown Places of a host that could not be looked at.
# TYPE kbin_certificates_unknown gauge
kbin_certificates_unknown{cluster="prod",host="w-1"} 0
kbin_certificates_unknown{cluster="prod",host="w-2"} 1
# HELP kbin_certificates_listed_at_seconds When the certificates were looked at.
# TYPE kbin_certificates_listed_at_seconds gauge
kbin_certificates_listed_at_seconds{cluster="prod"} ${NOW / 1000}
`,
  );
});
