import { sha256 } from '../../model/digest.ts';
import { parsePodBundles, podBundlesScript } from '../../remote/podVolumes.ts';
import { textAt } from '../httpJson.ts';
import {
  eachHost,
  forAllHosts,
  passed,
  refused,
  withApi,
  type Answers,
  type Probe,
  type ProbeContext,
} from './probe.ts';

const CONFIG_MAPS = '/api/v1/configmaps?fieldSelector=metadata.name%3Dkube-root-ca.crt';
const NAMES_SHOWN = 3;

/** kube-controller-manager has published the bundle in every namespace. */
const published = (context: ProbeContext, bundle: string): Promise<Answers> =>
  withApi(context, async () => {
    const [maps, namespaces] = await Promise.all([
      context.api.list(CONFIG_MAPS),
      context.api.list('/api/v1/namespaces?fieldSelector=status.phase%3DActive'),
    ]);
    const right = new Set(
      maps.items
        .filter((map) => textAt(map, 'data', 'ca.crt').trim() === bundle.trim())
        .map((map) => textAt(map, 'metadata', 'namespace')),
    );
    const behind = namespaces.items.map((own) => textAt(own, 'metadata', 'name')).filter((name) => !right.has(name));
    const shown = `${behind.slice(0, NAMES_SHOWN).join(', ')}${behind.length > NAMES_SHOWN ? ` and ${behind.length - NAMES_SHOWN} more` : ''}`;
    const text = `ConfigMap kube-root-ca.crt does not hold what is trusted now in ${shown}`;
    return forAllHosts(context, behind.length > 0 ? refused(text) : passed('kube-root-ca.crt is published'));
  });

/** Every pod sees in its ServiceAccount volume the authorities that are trusted now (REFERENCE 1.4). */
export const rootCa: Probe = async (context) => {
  const bundle = (await context.pki.read({ certificate: 'ca', part: 'roots' })).reveal();
  const answers = await published(context, bundle);
  if (Object.values(answers).some(({ ok }) => !ok)) return answers;
  return eachHost(context, async (connection) => {
    const { stdout } = await connection.run({ script: podBundlesScript() });
    const digests = parsePodBundles(stdout);
    const behind = digests.filter((digest) => digest !== sha256(bundle)).length;
    if (behind === 0) return passed(`all ${digests.length} pods see it`);
    // The kubelet refreshes a pod's volumes within a minute or two of a change.
    return refused(`${behind} of ${digests.length} pods still see the earlier kube-root-ca.crt`);
  });
};
