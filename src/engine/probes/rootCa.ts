import { sha256 } from '../../model/digest.ts';
import { parsePodBundles, podBundlesScript } from '../../remote/podVolumes.ts';
import { textAt } from '../httpJson.ts';
import { seenByPods } from './podVolumes.ts';
import { passed, refused, type Answer, type Probe, type ProbeContext } from './probe.ts';

const CONFIG_MAPS = '/api/v1/configmaps?fieldSelector=metadata.name%3Dkube-root-ca.crt';
const NAMESPACES = '/api/v1/namespaces?fieldSelector=status.phase%3DActive';
const NAMES_SHOWN = 3;

/** kube-controller-manager has published the bundle in every namespace. */
async function published({ api }: ProbeContext, bundle: string): Promise<Answer> {
  const [maps, namespaces] = await Promise.all([api.list(CONFIG_MAPS), api.list(NAMESPACES)]);
  const right = new Set(
    maps.items
      .filter((map) => textAt(map, 'data', 'ca.crt').trim() === bundle.trim())
      .map((map) => textAt(map, 'metadata', 'namespace')),
  );
  const behind = namespaces.items.map((own) => textAt(own, 'metadata', 'name')).filter((name) => !right.has(name));
  if (behind.length === 0) return passed('kube-root-ca.crt is published');
  const [names, more] = [behind.slice(0, NAMES_SHOWN).join(', '), behind.length - NAMES_SHOWN];
  const shown = more > 0 ? `${names} and ${more} more` : names;
  return refused(`ConfigMap kube-root-ca.crt does not hold what is trusted now in ${shown}`);
}

/** Every pod sees in its ServiceAccount volume the authorities that are trusted now (REFERENCE 1.4). */
export const rootCa: Probe = async (context) => {
  const bundle = (await context.pki.read({ certificate: 'ca', part: 'roots' })).reveal();
  return seenByPods(context, () => published(context, bundle), {
    script: podBundlesScript(),
    parse: parsePodBundles,
    wanted: sha256(bundle),
    passed: (pods) => `all ${pods} pods see it`,
    // The kubelet refreshes a pod's volumes within a minute or two of a change.
    refused: (behind, pods) => `${behind} of ${pods} pods still see the earlier kube-root-ca.crt`,
  });
};
