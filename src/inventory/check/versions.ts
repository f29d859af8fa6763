import { minorOf, MINORS, neededInstead } from '../../catalog/versions.ts';
import { VERSIONED } from '../../model/inventory.ts';
import { complaint } from '../fault.ts';
import type { Check } from './ground.ts';

export const checkMinor: Check = ({ draft: { versions } }) => {
  const kubernetes = versions?.kubernetes;
  if (kubernetes === undefined || minorOf(kubernetes) !== undefined) return [];
  const known = MINORS.map(({ minor }) => minor);
  const [, minor = kubernetes] = /^v(\d+\.\d+)/.exec(kubernetes) ?? [];
  return [
    complaint(
      ['versions', 'kubernetes'],
      `kbin does not know Kubernetes ${minor}.`,
      `Write a version of ${known.slice(0, -1).join(', ')} or ${known.at(-1) ?? ''}.`,
    ),
  ];
};

/** Pairs that upstream rules out. */
export const checkPairs: Check = ({ draft: { versions } }) => {
  const kubernetes = versions?.kubernetes;
  const row = kubernetes === undefined ? undefined : minorOf(kubernetes);
  if (versions === undefined || kubernetes === undefined || row === undefined) return [];
  return VERSIONED.flatMap((name) => {
    const version = versions[name];
    const needed = version === undefined ? undefined : neededInstead(row, name, version);
    if (version === undefined || needed === undefined || name === 'kubernetes' || name === 'haproxy') return [];
    return [
      complaint(
        ['versions', name],
        `${name} ${version} is too old for Kubernetes ${kubernetes}.`,
        `Write ${needed} or newer, such as ${row.defaults[name]}.`,
      ),
    ];
  });
};
