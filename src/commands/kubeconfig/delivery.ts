import { shellQuote } from '../../remote/quote.ts';
import type { KubeconfigParts } from '../../pki/kubeconfig.ts';
import { editFile, writeStream, type Edited } from '../../pki/kubeconfigFile.ts';
import { mergedKubeconfig, operatorKubeconfig } from '../../pki/kubeconfigMerge.ts';
import type { Destination } from './options.ts';

type Merge = Extract<Destination, { kind: 'merge' }>;

/**
 * Puts a kubeconfig where the operator wants it, and returns what to tell. `beforePlacing` runs when nothing but the
 * last write is left; when it throws, nothing was handed out.
 */
export async function deliver(
  parts: KubeconfigParts,
  destination: Destination,
  beforePlacing: () => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  if (destination.kind === 'merge') return merge(parts, destination, beforePlacing);
  const body = operatorKubeconfig(parts);
  if (destination.kind === 'stdout') {
    await beforePlacing();
    process.stdout.write(body.reveal());
    return [];
  }
  if (destination.kind === 'stream') {
    await beforePlacing();
    await writeStream(destination.file, body);
    return [];
  }
  await editFile(destination.file, { text: () => body, keepsBackup: false, beforePlacing });
  return [];
}

async function merge(parts: KubeconfigParts, { file, use, force }: Merge, beforePlacing: () => Promise<void>) {
  let hadComments = false;
  const edited = await editFile(file, {
    text: (before) => {
      hadComments = /^\s*#/m.test(before);
      return mergedKubeconfig({ text: before, file }, parts, { use, force });
    },
    keepsBackup: true,
    beforePlacing,
  });
  return toldOf(edited, parts.context, hadComments);
}

function toldOf({ target, backup }: Edited, context: string, hadComments: boolean): string[] {
  const comments = hadComments ? ', with its comments' : '';
  return [
    `Context ${context} is in ${target}: kubectl --context ${shellWord(context)} get nodes`,
    ...(backup === null ? [] : [`The file as it was${comments}: ${backup}`]),
  ];
}

const shellWord = (word: string): string => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : shellQuote(word));
