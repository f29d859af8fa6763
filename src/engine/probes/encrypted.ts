import { etcdHeads } from '../etcdValues.ts';
import { storedResources, storedText } from '../storedObjects.ts';
import { ofCluster, passed, refused, type Probe } from './probe.ts';

const NAMES_SHOWN = 3;

/** Every object of the resources concerned is in etcd as it should be: told by the raw values, past the API. */
export const encrypted: Probe = (context) =>
  ofCluster(context, async () => {
    const encryption = await context.pki.encryption();
    if (encryption === null) return refused('the store does not say how objects are encrypted');
    const found = await storedResources({ ...context, heads: etcdHeads(context) }, encryption);
    const behind = found.find(({ left }) => left.length > 0);
    if (behind === undefined) return passed(found.map(storedText).join('; '));
    const names = behind.left.slice(0, NAMES_SHOWN).join(', ');
    return refused(`${storedText(behind)}; not under ${behind.wanted}: ${names}`);
  });
