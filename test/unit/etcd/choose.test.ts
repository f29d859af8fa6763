import type { EtcdStatus } from '../../../src/engine/etcdAnswers.ts';
import { candidates } from '../../../src/etcd/choose.ts';
import { statusOf } from './sources.ts';

const chosen = (...members: [string, Partial<EtcdStatus>][]): string[] =>
  candidates(members.map(([member, changed]) => ({ member, status: statusOf(member, changed) }))).map(
    ({ member }) => member,
  );

test('followers are before the leader, those with the least lag first', () => {
  expect(
    chosen(
      ['a', {}],
      ['b', { raftAppliedIndex: 95 }],
      ['c', { raftAppliedIndex: 99 }],
      ['d', { raftIndex: 90, raftAppliedIndex: 90 }],
    ),
  ).toEqual(['c', 'b', 'd', 'a']);
});

test('the leader alone is taken', () => {
  expect(chosen(['a', {}])).toEqual(['a']);
});

test.each<[string, Partial<EtcdStatus>]>([
  ['a learner', { isLearner: true }],
  ['a member that knows no leader', { leader: '' }],
  ['a member of another cluster', { clusterId: '9' }],
])('%s is none', (_, changed) => {
  expect(chosen(['a', {}], ['b', changed], ['c', {}])).toEqual(['c', 'a']);
});

test('of nobody nobody', () => {
  expect(chosen()).toEqual([]);
});
