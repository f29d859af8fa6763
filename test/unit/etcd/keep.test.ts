import { type KnownSnapshot, whatStays } from '../../../src/etcd/keep.ts';
import type { Keep } from '../../../src/model/snapshot.ts';

const NOTHING: Keep = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0 };
const NOW = '2026-11-20T13:30:00Z';

/** `2026-11-20T13:00 100 unverified`: time in UTC, bytes (1 by default), state. The name is the time. */
function snapshot(text: string): KnownSnapshot {
  const [name = '', ...rest] = text.split(' ');
  const bytes = Number(rest.find((word) => /^\d+$/.test(word)) ?? 1);
  return { name, takenAt: Date.parse(`${name}Z`), bytes, isVerified: !rest.includes('unverified') };
}

const verdicts = (lines: string[], keep: Partial<Keep>, now = NOW) =>
  whatStays(lines.map(snapshot), { ...NOTHING, ...keep }, Date.parse(now));
const stay = (lines: string[], keep: Partial<Keep>, now = NOW): string[] =>
  verdicts(lines, keep, now).flatMap(({ name, isKept }) => (isKept ? [name] : []));

interface Case {
  what: string;
  keep: Partial<Keep>;
  given: string[];
  stay: string[];
}

const DAYS = ['2026-11-20T12:00', '2026-11-20T01:00', '2026-11-18T23:59', '2026-11-18T00:00', '2026-11-01T08:00'];

const CASES: Case[] = [
  { what: 'nothing is there', keep: { last: 3 }, given: [], stay: [] },
  { what: 'no rule: the newest verified stays', keep: {}, given: DAYS, stay: [DAYS[0]!] },
  { what: 'the last two', keep: { last: 2 }, given: [...DAYS].reverse(), stay: DAYS.slice(0, 2) },
  {
    what: 'the newest of each hour, of the hours that have one',
    keep: { hourly: 3 },
    given: ['2026-11-20T13:20', '2026-11-20T13:10', '2026-11-20T10:59', '2026-11-20T10:00', '2026-11-19T10:30'],
    stay: ['2026-11-20T13:20', '2026-11-20T10:59', '2026-11-19T10:30'],
  },
  {
    what: 'the newest of each day, over a gap',
    keep: { daily: 3 },
    given: DAYS,
    stay: ['2026-11-20T12:00', '2026-11-18T23:59', '2026-11-01T08:00'],
  },
  {
    what: 'ISO weeks: Sunday night ends one, and the last days of December are week 1 of the next year',
    keep: { weekly: 9 },
    given: ['2025-01-05T23:59', '2025-01-01T00:00', '2024-12-30T00:00', '2024-12-29T23:59', '2024-12-23T00:00'],
    stay: ['2025-01-05T23:59', '2024-12-29T23:59'],
  },
  {
    what: 'months, with a leap day',
    keep: { monthly: 2 },
    given: ['2024-03-01T00:00', '2024-02-29T23:59', '2024-02-28T23:59', '2024-01-31T23:59'],
    stay: ['2024-03-01T00:00', '2024-02-29T23:59'],
  },
  {
    what: 'rules are a union',
    keep: { last: 1, daily: 2, monthly: 2 },
    given: ['2026-11-20T12:00', '2026-11-19T12:00', '2026-11-18T12:00', '2026-10-31T12:00', '2026-10-30T12:00'],
    stay: ['2026-11-20T12:00', '2026-11-19T12:00', '2026-10-31T12:00'],
  },
  {
    what: 'an unverified one does not stand for its day',
    keep: { daily: 2 },
    given: ['2026-11-20T12:00 unverified', '2026-11-20T11:00', '2026-11-18T12:00 unverified', '2026-11-18T11:00'],
    stay: ['2026-11-20T12:00', '2026-11-20T11:00', '2026-11-18T11:00'],
  },
  {
    what: 'an unverified one stays while no newer one is verified, however old it is',
    keep: { last: 1 },
    given: ['2026-10-03T00:00 unverified', '2026-10-02T00:00', '2026-10-01T00:00 unverified'],
    stay: ['2026-10-03T00:00', '2026-10-02T00:00'],
  },
  {
    what: 'an unverified one stays for a day',
    keep: { last: 1 },
    given: ['2026-11-20T13:00', '2026-11-19T13:30 unverified', '2026-11-19T13:29 unverified'],
    stay: ['2026-11-20T13:00', '2026-11-19T13:30'],
  },
  {
    what: 'nothing verified: nothing goes',
    keep: { last: 1, maximumAgeDays: 1, maximumBytes: 1 },
    given: DAYS.map((time) => `${time} unverified`),
    stay: DAYS,
  },
  { what: 'too old', keep: { last: 9, maximumAgeDays: 2 }, given: DAYS, stay: DAYS.slice(0, 3) },
  {
    what: 'too old, but the newest verified one',
    keep: { last: 9, maximumAgeDays: 2 },
    given: ['2026-10-02T12:00', '2026-10-01T12:00'],
    stay: ['2026-10-02T12:00'],
  },
  {
    what: 'too large together: the oldest go, although a smaller older one would fit',
    keep: { last: 9, maximumBytes: 100 },
    given: ['2026-11-20T12:00 60', '2026-11-20T11:00 30', '2026-11-20T10:00 60', '2026-11-20T09:00 5'],
    stay: ['2026-11-20T12:00', '2026-11-20T11:00'],
  },
  {
    what: 'the newest verified one alone is too large',
    keep: { last: 9, maximumBytes: 100 },
    given: ['2026-11-20T12:00 600', '2026-11-20T11:00 1'],
    stay: ['2026-11-20T12:00'],
  },
  {
    what: 'unverified bytes push out nothing',
    keep: { last: 9, maximumBytes: 100 },
    given: ['2026-11-20T12:00 500 unverified', '2026-11-20T11:00 50', '2026-11-20T10:00 50'],
    stay: ['2026-11-20T12:00', '2026-11-20T11:00', '2026-11-20T10:00'],
  },
  {
    what: 'what was taken by a clock in the future pushes nothing out',
    keep: { last: 1, hourly: 2 },
    given: ['2030-01-02T00:00', '2030-01-01T00:00', '2029-01-01T00:00', ...DAYS],
    stay: ['2030-01-02T00:00', '2030-01-01T00:00', '2026-11-20T12:00', '2026-11-20T01:00'],
  },
  {
    what: 'a future one takes all the room: the newest of the past stays too',
    keep: { last: 9, maximumBytes: 100 },
    given: ['2030-01-01T00:00 100', '2026-11-20T12:00 80', '2026-11-19T12:00 10'],
    stay: ['2030-01-01T00:00', '2026-11-20T12:00'],
  },
  {
    what: 'an unverified one from the future',
    keep: { last: 1 },
    given: ['2030-01-01T00:00 unverified', '2026-11-20T12:00', '2026-11-19T12:00'],
    stay: ['2030-01-01T00:00', '2026-11-20T12:00'],
  },
];

test.each(CASES)('$what', ({ keep, given, stay: expected }) => {
  expect(stay(given, keep)).toEqual(expected);
  expect(stay([...given].reverse(), keep)).toEqual(expected);
});

test('every verdict says why', () => {
  const keep = { last: 2, hourly: 1, daily: 2, weekly: 2, monthly: 2, maximumAgeDays: 400, maximumBytes: 40 };
  const given = ['2026-11-20T12:00 10', '2026-11-20T11:00 10', '2026-11-15T23:00 10', '2026-11-15T22:00 unverified'];
  expect(verdicts([...given, '2026-10-15T22:00 50', '2026-10-01T22:00', '2025-10-01T22:00'], keep)).toEqual([
    {
      name: '2026-11-20T12:00',
      isKept: true,
      reasons: [
        'last 1',
        'hourly 2026-11-20T12h',
        'daily 2026-11-20',
        'weekly 2026-W47',
        'monthly 2026-11',
        'the newest that was verified',
      ],
    },
    { name: '2026-11-20T11:00', isKept: true, reasons: ['last 2'] },
    { name: '2026-11-15T23:00', isKept: true, reasons: ['daily 2026-11-15', 'weekly 2026-W46'] },
    { name: '2026-11-15T22:00', isKept: false, reasons: ['not verified, and a newer one is'] },
    {
      name: '2026-10-15T22:00',
      isKept: false,
      reasons: ['the newer ones fill the 40 bytes that all may take'],
    },
    { name: '2026-10-01T22:00', isKept: false, reasons: ['no rule keeps it'] },
    { name: '2025-10-01T22:00', isKept: false, reasons: ['no rule keeps it'] },
  ]);
});
