import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { KbinError } from '../errors.ts';

interface DockerManifest {
  RepoTags?: string[] | null;
}
interface OciIndex {
  manifests?: { annotations?: Record<string, string> }[];
}

const tagsOfDocker = (json: string): string[] =>
  (JSON.parse(json) as DockerManifest[]).flatMap((manifest) => manifest.RepoTags ?? []);

const tagsOfOci = (json: string): string[] =>
  ((JSON.parse(json) as OciIndex).manifests ?? []).flatMap(({ annotations }) => {
    const name = annotations?.['io.containerd.image.name'];
    return name === undefined ? [] : [name];
  });

/**
 * References that an archive brings, as `ctr images import` would name them: RepoTags of a docker archive, or
 * containerd's annotation in an OCI index.
 * @throws KbinError CACHE when it is no image archive or names no image.
 */
export async function imageReferences(file: string): Promise<string[]> {
  const archive = extract();
  createReadStream(file)
    .on('error', (error) => archive.destroy(error))
    .pipe(archive);
  const found = new Set<string>();
  try {
    for await (const entry of archive) {
      if (entry.header.name === 'manifest.json') tagsOfDocker(await text(entry)).forEach((tag) => found.add(tag));
      else if (entry.header.name === 'index.json') tagsOfOci(await text(entry)).forEach((tag) => found.add(tag));
      else entry.resume();
    }
  } catch (cause) {
    throw new KbinError('CACHE', `${file} is not a whole image archive`, { hint: 'Export it again.', cause });
  }
  if (found.size === 0) {
    throw new KbinError('CACHE', `${file} names no image`, {
      hint: 'Export it with its reference (ctr images export, docker save NAME:TAG).',
    });
  }
  return [...found];
}
