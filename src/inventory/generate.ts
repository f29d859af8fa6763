import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inventoryReference } from './reference.ts';
import { inventorySchema } from './schema.ts';

/** Files that are made from the schema, by their path in the repository. A test compares them with what is there. */
export const generatedFiles = (): Record<string, string> => ({
  'inventory/schema.json': `${JSON.stringify(inventorySchema(), null, 2)}\n`,
  'docs/reference.md': inventoryReference(),
});

/** Writes the generated files below a folder, which ends in a slash. */
export async function generate(root: URL): Promise<void> {
  for (const [path, text] of Object.entries(generatedFiles())) await writeFile(new URL(path, root), text);
}

// Run by itself: node dist/inventory/generate.js [repository]
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder] = process.argv;
  await generate(folder === undefined ? new URL('../../', import.meta.url) : pathToFileURL(`${folder}/`));
}
