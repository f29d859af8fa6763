import { dirname } from 'node:path/posix';
import { sha256 } from '../../src/model/digest.ts';
import type { PathFact } from '../../src/model/facts.ts';

export type Entry =
  | { type: 'file'; content: Buffer; sha256: string; mode: string; owner: string }
  | { type: 'directory'; mode: string; owner: string }
  | { type: 'link'; target: string };

const ROOT = 'root:root';
/** Of Linux. */
const MOST_LINKS = 40;

export type FileEntry = Extract<Entry, { type: 'file' }>;

export const file = (content: Buffer | string, mode = '0644', owner = ROOT): FileEntry => {
  const bytes = Buffer.from(content);
  return { type: 'file', content: bytes, sha256: sha256(bytes), mode, owner };
};

/** A filesystem: entries by absolute path, links followed as the kernel does. */
export class Disk {
  readonly entries = new Map<string, Entry>();
  /** Nothing more can be written. */
  isFull = false;

  /** Path with every link in it resolved; the last name too unless `keepLast`. Undefined where the way ends. */
  real(path: string, keepLast = false, links = 0): string | undefined {
    const entry = this.entries.get(path);
    if (entry !== undefined && (entry.type !== 'link' || keepLast)) return path;
    if (links > MOST_LINKS) return undefined;
    if (entry?.type === 'link') return this.real(entry.target, false, links + 1);
    // Entries stand under their real paths, so only a link further up can lead on.
    let parent = dirname(path);
    while (parent !== '/' && !this.entries.has(parent)) parent = dirname(parent);
    const above = this.entries.get(parent);
    if (above?.type !== 'link') return undefined;
    return this.real(`${above.target}${path.slice(parent.length)}`, keepLast, links + 1);
  }

  /** The entry itself. */
  at(path: string): Entry | undefined {
    const real = this.real(path, true);
    return real === undefined ? undefined : this.entries.get(real);
  }

  /** What the path leads to. */
  behind(path: string): Entry | undefined {
    const real = this.real(path);
    return real === undefined ? undefined : this.entries.get(real);
  }

  isDirectory(path: string): boolean {
    return path === '/' || this.behind(path)?.type === 'directory';
  }

  text(path: string): string | undefined {
    const entry = this.behind(path);
    return entry?.type === 'file' ? entry.content.toString() : undefined;
  }

  /** `mkdir -p`. Throws where a parent is no directory. */
  makeParents(path: string): void {
    const parent = dirname(path);
    if (this.isDirectory(parent)) return;
    if (this.at(parent) !== undefined) throw new Error(`${parent} is not a directory`);
    this.makeParents(parent);
    this.entries.set(this.#place(parent), { type: 'directory', mode: '0755', owner: ROOT });
  }

  /** Puts an entry into its place as a rename does. Throws where that cannot be. */
  put(path: string, entry: Entry): void {
    this.makeParents(path);
    if (entry.type !== 'directory' && this.at(path)?.type === 'directory') throw new Error(`${path} is a directory`);
    this.entries.set(this.#place(path), entry);
  }

  remove(path: string): void {
    const real = this.real(path, true);
    if (real === undefined) return;
    for (const place of this.below(real)) this.entries.delete(place);
    this.entries.delete(real);
  }

  below(path: string): string[] {
    return [...this.entries.keys()].filter((place) => place.startsWith(`${path}/`));
  }

  fact(path: string): PathFact | undefined {
    const entry = this.at(path);
    switch (entry?.type) {
      case undefined:
        return undefined;
      case 'link': {
        const behind = this.behind(path);
        const own: PathFact = { type: 'link', mode: '0777', owner: ROOT, target: entry.target };
        return behind?.type === 'directory' ? { ...own, behind: { mode: behind.mode, owner: behind.owner } } : own;
      }
      case 'directory':
        return { type: 'directory', mode: entry.mode, owner: entry.owner };
      case 'file':
        return { type: 'file', mode: entry.mode, owner: entry.owner, sha256: entry.sha256 };
    }
  }

  #place(path: string): string {
    const parent = dirname(path);
    const real = parent === '/' ? '' : this.real(parent);
    if (real === undefined) throw new Error(`${parent} does not exist`);
    return `${real}${path.slice(path.lastIndexOf('/'))}`;
  }
}
