import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Templates } from '../../../src/model/resource.ts';

const units = join(import.meta.dirname, '../../../units');

/** The project's own templates, as `desired` takes them. */
export const templates: Templates = Object.fromEntries(
  readdirSync(units, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.hbs'))
    .map((name) => [name, readFileSync(join(units, name), 'utf8')]),
);
