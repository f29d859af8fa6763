import { expect, test } from '@jest/globals';
import type { Event } from '../../../src/model/event.ts';
import { timelineLines } from '../../../src/ui/timeline.ts';
import { failedRun, manyHosts, threeHosts } from './recorded.ts';

test('the timeline of a deploy of three hosts', () => {
  expect(timelineLines(threeHosts).join('\n')).toBe(
    `
              0                                                 18.00 s
observe       =                                                            0.45 s
uploads         ~~~~~~~~~~~~                                               3.85 s
certificates    =                                                          0.18 s
host            ==                                                         0.47 s
etcd              ==.....                                                  2.11 s
runtime           ===.                                                     1.17 s
apiserver               ===........                                        3.29 s
controllers                        ==......                                2.39 s
bootstrap                          =                                       0.10 s
balancer                           =.                                      0.61 s
node                                 ===.....                              2.60 s
network                                      ==.........                   3.30 s
addons                                                 =...............    4.75 s < slowest
slowest phase   addons: 4.75 s (applying 0.19 s, gate 4.56 s)
slowest host    cp-3: 1.00 s applying node
slowest upload  cni-plugins to cp-3: 1.27 s for 39.0 MB, 30.7 MB/s
critical path   observe 0.45 s > (pause) 0.18 s > certificates 0.18 s > host 0.47 s > etcd 2.11 s
                > apiserver 3.29 s > balancer 0.61 s > node 2.60 s > network 3.30 s > addons 4.75 s
total           18.00 s`.slice(1),
  );
});

test('a failed run marks where it failed', () => {
  const lines = timelineLines(failedRun);
  expect(lines.find((line) => line.startsWith('apiserver'))).toMatch(/=+\.+x\s+3\.29 s < slowest, failed$/);
  expect(lines.slice(-3, -1).join(' ')).toMatch(/> etcd 2\.11 s\s+> apiserver 3\.29 s$/);
  expect(lines.at(-1)).toBe('total           6.69 s');
});

test('what never ended lasts until the last event and says so', () => {
  const cut = threeHosts.slice(
    0,
    threeHosts.findIndex((event) => event.type === 'wave' && event.wave === 'etcd' && event.state === 'done'),
  );
  const lines = timelineLines(cut);
  expect(lines.find((line) => line.startsWith('etcd'))).toMatch(/=\.+\s+2\.11 s < slowest, no end$/);
  expect(lines.find((line) => line.startsWith('uploads'))).toMatch(/< no end$/);
  expect(lines.at(-1)).toBe('total           3.40 s');
});

test('turns of a rolling change share a row', () => {
  const turn = (host: string, start: number): Event[] => {
    const wave = { type: 'wave', wave: `etcd/${host}`, phase: 'etcd', steps: 2 } as const;
    return [
      { ...wave, state: 'started', at: start },
      { ...wave, state: 'applied', at: start + 1000 },
      { ...wave, state: 'done', at: start + 3000 },
    ];
  };
  const lines = timelineLines([...turn('cp-1', 0), ...turn('cp-2', 3000), ...turn('cp-3', 6000)]);
  expect(lines.filter((line) => line.startsWith('etcd'))).toHaveLength(1);
  expect(lines[1]).toMatch(/^etcd +=+\.+=+\.+=+\.+ +9\.00 s < slowest$/);
  expect(lines).toContain('slowest phase   etcd: 9.00 s (applying 3.00 s, gate 6.00 s)');
  expect(lines).toContain('critical path   etcd 9.00 s');
});

test('no line is wider than 100 columns, however long the names', () => {
  const long = 'n'.repeat(120);
  const events = manyHosts(30).map((event) =>
    'host' in event ? { ...event, host: `${event.host ?? ''}${long}` } : event,
  ) as Event[];
  for (const run of [events, failedRun, threeHosts]) {
    expect(Math.max(...timelineLines(run).map((line) => line.length))).toBeLessThanOrEqual(100);
  }
});

test('a run without waves has a total, and no events no timeline', () => {
  expect(timelineLines([])).toEqual([]);
  expect(timelineLines(threeHosts.slice(0, 1))).toEqual(['total           0.00 s']);
});
