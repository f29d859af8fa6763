import { PLACES } from '../catalog/places.ts';
import type { Owned } from '../model/facts.ts';
import type { Output } from '../model/ports.ts';
import { absolutePath, hostPath, unitName } from './allowed.ts';
import { valuesOf } from './answer.ts';
import { EXITS } from './exits.ts';
import { shellQuote, shellWords } from './quote.ts';
import { RESET_FUNCTIONS } from './resetShell.ts';
import { compact, PRELUDE } from './shell.ts';

/** Directories that are removed with everything in them, when kbin owns them. All others only when they are empty. */
const OWNED_TREES: readonly string[] = [
  PLACES.versions,
  PLACES.pairs,
  PLACES.etcdPairs,
  PLACES.etcdData,
  PLACES.kubelet,
  PLACES.kubeProxy,
];

/** What programs of kbin's units have written at run time, in places that nobody else writes to. */
const WRITTEN_BY: readonly { unit: string; trees: readonly string[] }[] = [
  { unit: 'containerd.service', trees: ['/run/containerd', '/var/lib/containerd'] },
  { unit: 'kubelet.service', trees: [PLACES.kubelet, '/var/lib/cni'] },
  { unit: 'kube-proxy.service', trees: [PLACES.kubeProxy] },
  { unit: 'flanneld.service', trees: ['/run/flannel'] },
];

/** Mounts of pods and containers are below these. */
const MOUNTS_BELOW = [PLACES.kubelet, '/run/containerd', '/var/lib/containerd'];

const INTERFACES = ['cni0', 'flannel.1'];

const deepestFirst = (paths: readonly string[]): string[] => [...new Set(paths)].sort().reverse();

/** Commands that undo what the programs of these units did to the network. */
function networkLines(units: ReadonlySet<string>, paths: readonly string[]): string[] {
  const kubeProxy = paths.find((path) => path.endsWith('/kube-proxy') && !path.startsWith(PLACES.versions));
  return [
    ...(units.has('kube-proxy.service')
      ? [`forget_services ${shellQuote(kubeProxy === undefined ? '' : hostPath(kubeProxy))}`]
      : []),
    ...(units.has('kubelet.service') ? ['forget_namespaces'] : []),
    ...(units.has('flanneld.service') ? [`forget_links ${shellWords(INTERFACES)}`] : []),
    ...(units.size > 0 ? ['forget_chains'] : []),
  ];
}

/**
 * Undoes what kbin did to a host: stops and disables its units, ends the containers that they left, unmounts below
 * them, takes the network apart, and removes exactly the paths that kbin owns. Its own directory goes last, and only
 * when everything else went: a reset that failed can be run again. Nothing below a mount that stays is removed.
 */
export function resetScript(owned: Owned): string {
  const units = new Set(owned.units.map(unitName));
  const ours = (path: string): boolean => path !== PLACES.kbin && !path.startsWith(`${PLACES.kbin}/`);
  const paths = owned.paths.filter(ours);
  const trees = [
    ...paths.filter((path) => OWNED_TREES.includes(path)),
    ...WRITTEN_BY.flatMap(({ unit, trees: written }) => (units.has(unit) ? written : [])),
  ];
  const rest = deepestFirst(paths.filter((path) => !trees.includes(path)));
  const words = [...units];
  return [
    PRELUDE,
    RESET_FUNCTIONS,
    ...(words.length > 0 ? [`stop_units ${shellWords(words)}`] : []),
    ...(units.has('containerd.service') || units.has('kubelet.service') ? ['end_containers'] : []),
    `unmount_below ${shellWords(MOUNTS_BELOW.map(hostPath))}`,
    ...networkLines(units, paths),
    ...deepestFirst(trees).map((path) => `remove_tree ${shellQuote(hostPath(path))}`),
    ...rest.map((path) => `remove_path ${shellQuote(hostPath(path))}`),
    compact(`
      ${words.length > 0 ? 'reload' : ''}
      if [ $failures = 0 ]; then remove_tree ${hostPath(PLACES.kbin)}; fi
      say %end
      if [ $failures = 0 ]; then exit 0; else exit ${EXITS.failed}; fi
    `),
  ].join('\n');
}

export interface ResetResult {
  removed: string[];
  /** Directories that hold what is not kbin's. */
  kept: string[];
  failed: string[];
  truncated: boolean;
}

/** What a reset removed, kept and could not do. */
export function parseReset({ stdout }: Output): ResetResult {
  const lines = stdout.split('\n').slice(0, -1);
  return {
    removed: valuesOf(lines, 'removed').map(absolutePath),
    kept: valuesOf(lines, 'kept').map(absolutePath),
    failed: valuesOf(lines, 'failed'),
    truncated: lines.at(-1) !== '%end',
  };
}
