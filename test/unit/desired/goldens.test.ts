import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dump } from 'js-yaml';
import { desired } from '../../../src/desired/desired.ts';
import type { Desired, Resource } from '../../../src/model/resource.ts';
import { CASES } from './inventories.ts';
import { templates } from './templates.ts';

/**
 * Every file that kbin would write, byte by byte, and one list per host of everything else. After a wanted change:
 * UPDATE_GOLDENS=1 npm test -- test/unit/desired, and read the diff.
 */
const root = join(import.meta.dirname, '../../fixtures/desired');

/** A resource in one line of the host's list; the text of a file is a golden of its own. */
function listed(resource: Resource): Record<string, unknown> {
  if (resource.kind !== 'file' || !('text' in resource.body)) return { ...resource };
  return { ...resource, body: 'text, see the file' };
}

function rendered({ hosts, api, nodes }: Desired): Map<string, string> {
  const yaml = (value: unknown): string => dump(value, { noRefs: true, lineWidth: -1 });
  const files = new Map([
    ['api.yaml', yaml(api)],
    ['nodes.yaml', yaml(nodes)],
  ]);
  for (const [host, resources] of Object.entries(hosts)) {
    files.set(
      join(host, 'resources.jsonl'),
      resources.map((resource) => `${JSON.stringify(listed(resource))}\n`).join(''),
    );
    for (const resource of resources) {
      if (resource.kind === 'file' && 'text' in resource.body) files.set(join(host, resource.path), resource.body.text);
    }
  }
  return files;
}

function stored(folder: string): Map<string, string> {
  if (!existsSync(folder)) return new Map();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

function update(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

test.each(Object.entries(CASES))('the files of the case "%s" are the golden ones', (name, inventory) => {
  const files = rendered(desired(inventory, templates));
  const folder = join(root, name);
  if (process.env['UPDATE_GOLDENS'] === '1') update(folder, files);
  const goldens = stored(folder);
  expect([...files.keys()].sort()).toEqual([...goldens.keys()].sort());
  for (const [path, text] of files) expect({ path, text }).toEqual({ path, text: goldens.get(path) });
});
