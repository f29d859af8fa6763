import { KbinError } from '../errors.ts';
import { Secret } from '../model/secret.ts';
import { entriesOf, type KubeconfigParts } from './kubeconfig.ts';
import { type Entry, KubeconfigDocument, recordOf } from './kubeconfigDocument.ts';

export interface MergeChoices {
  /** Make it the current context; else only where there is none. */
  use: boolean;
  /** Replace entries of another cluster too. */
  force: boolean;
}

/** Name of kbin's extension in cluster entries: it tells which cluster kbin wrote it for. */
const MARK = 'kbin';

/** Fields that say whom to trust; left over they would contradict the new ones. */
const TRUST = ['certificate-authority', 'insecure-skip-tls-verify'];

/**
 * A kubeconfig with three more entries, or with these entries instead of those of the same names. Fields that kbin does
 * not write, such as `proxy-url` of the cluster or `namespace` of the context, stay; credentials do not.
 * Throws USAGE for a text that is no kubeconfig, and REFUSED when entries of another cluster would be replaced.
 */
export function mergedKubeconfig(
  { text, file }: { text: string; file: string },
  parts: KubeconfigParts,
  { use, force }: MergeChoices,
): Secret {
  const document = new KubeconfigDocument(text, file);
  const conflict = conflictIn(document, parts);
  if (conflict !== undefined && !force) {
    throw new KbinError('REFUSED', `${file}: ${conflict.what}`, {
      hint: `${conflict.hint} --force replaces it. Nothing was changed.`,
    });
  }
  const isOther = (entry: Entry | undefined): boolean => entry !== undefined && isForeign(entry, parts);
  const { cluster, user, context } = entriesOf(parts);
  document.put('clusters', parts.cluster, {
    fields: cluster,
    gone: isOther(document.find('clusters', parts.cluster)) ? 'all' : TRUST,
    extension: { name: MARK, extension: { clusterId: parts.clusterId } },
  });
  document.put('users', parts.user, { fields: user, gone: 'all' });
  document.put('contexts', parts.context, {
    fields: context,
    gone: isOther(clusterOf(document, document.find('contexts', parts.context))) ? 'all' : [],
  });
  if (use || document.currentContext === null) document.use(parts.context);
  return new Secret(document.toString());
}

/** A whole kubeconfig for the operator, YAML. */
export const operatorKubeconfig = (parts: KubeconfigParts): Secret =>
  mergedKubeconfig({ text: '', file: 'a new kubeconfig' }, parts, { use: true, force: false });

interface Conflict {
  what: string;
  hint: string;
}

/** What would lead somewhere else afterwards than it does now. */
function conflictIn(document: KubeconfigDocument, parts: KubeconfigParts): Conflict | undefined {
  return contextConflict(document, parts) ?? clusterConflict(document, parts) ?? userConflict(document, parts);
}

function contextConflict(document: KubeconfigDocument, parts: KubeconfigParts): Conflict | undefined {
  const context = document.find('contexts', parts.context);
  if (context === undefined) return undefined;
  const hint = 'Choose another name with --context.';
  const cluster = clusterOf(document, context);
  if (cluster !== undefined) {
    if (!isForeign(cluster, parts)) return undefined;
    return { what: `the context ${quoted(parts.context)} points to ${serverOf(cluster)}, not ${parts.server}`, hint };
  }
  const missing = textIn(context, 'cluster');
  if (missing === parts.cluster) return undefined;
  return { what: `the context ${quoted(parts.context)} points to a cluster ${quoted(missing)} of another file`, hint };
}

function clusterConflict(document: KubeconfigDocument, parts: KubeconfigParts): Conflict | undefined {
  const cluster = document.find('clusters', parts.cluster);
  if (cluster === undefined || !isForeign(cluster, parts)) return undefined;
  return {
    what: `another cluster ${quoted(parts.cluster)} is there already, ${serverOf(cluster)}, not ${parts.server}`,
    hint: 'Merge into a file of its own; KUBECONFIG takes several.',
  };
}

function userConflict(document: KubeconfigDocument, parts: KubeconfigParts): Conflict | undefined {
  const other = document
    .entries('contexts')
    .filter(({ name, fields }) => name !== parts.context && fields['user'] === parts.user)
    .map((context) => clusterOf(document, context))
    .find((cluster) => cluster !== undefined && isForeign(cluster, parts));
  if (other === undefined) return undefined;
  return {
    what: `the user ${quoted(parts.user)} is the one for ${serverOf(other)} too`,
    hint: 'Merge into a file of its own; KUBECONFIG takes several.',
  };
}

const quoted = (name: string): string => JSON.stringify(name);

const clusterOf = (document: KubeconfigDocument, context: Entry | undefined): Entry | undefined =>
  context === undefined ? undefined : document.find('clusters', textIn(context, 'cluster'));

function textIn({ fields }: Entry, key: string): string {
  const value = fields[key];
  return typeof value === 'string' ? value : '';
}

const serverOf = (cluster: Entry): string => textIn(cluster, 'server');

/** Neither this server nor, with an earlier one, of this cluster by kbin's own word. */
const isForeign = (cluster: Entry, parts: KubeconfigParts): boolean =>
  comparable(serverOf(cluster)) !== comparable(parts.server) && idIn(cluster) !== parts.clusterId;

const comparable = (url: string): string => (URL.canParse(url) ? new URL(url).href : url);

function idIn({ fields }: Entry): unknown {
  const extensions: unknown[] = Array.isArray(fields['extensions']) ? fields['extensions'] : [];
  const mark = extensions.map(recordOf).find(({ name }) => name === MARK);
  return recordOf(mark?.['extension'])['clusterId'];
}
