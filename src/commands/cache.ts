import { importFolder, verifyStore } from '../cache/import.ts';
import { CacheStore } from '../cache/store.ts';
import { KbinError } from '../errors.ts';
import { cacheFolder } from '../paths.ts';
import { flag, text, type Command } from './command.ts';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const mebibytes = (bytes: number): string => (bytes / 1048576).toFixed(1);

export const cacheImport: Command = {
  usage: 'cache import <folder>',
  describe: 'bring binaries and image archives into the cache',
  options: {
    replace: { type: 'boolean', describe: 'accept content that differs from the lock file', default: false },
  },
  run: async (args) => {
    const store = new CacheStore(cacheFolder());
    const imported = await importFolder(store, text(args, 'folder') ?? '', {
      replace: flag(args, 'replace'),
      onArtifact: (file) => {
        say(`added ${file}`);
      },
    });
    for (const path of imported.ignored) say(`ignored ${path}: not laid out as an artifact`);
    say(`${imported.added.length} added, ${imported.present.length} already there. Lock file: ${store.lockFile}`);
    return 0;
  },
};

export const cacheList: Command = {
  usage: 'cache list',
  describe: 'what the cache holds',
  options: { json: { type: 'boolean', describe: 'JSON', default: false } },
  run: async (args) => {
    const entries = await new CacheStore(cacheFolder()).list();
    if (flag(args, 'json')) say(JSON.stringify(entries, null, 1));
    else {
      for (const { component, version, arch, name, bytes, compressedBytes, sha256 } of entries) {
        say(
          `${component.padEnd(20)} ${version.padEnd(10)} ${arch} ${name.padEnd(44)} ${mebibytes(bytes).padStart(7)} MiB, sent ${mebibytes(compressedBytes).padStart(6)}  ${sha256.slice(0, 12)}`,
        );
      }
    }
    return 0;
  },
};

export const cacheVerify: Command = {
  usage: 'cache verify',
  describe: 'hash everything in the cache again',
  options: {},
  run: async () => {
    const { checked, damaged } = await verifyStore(new CacheStore(cacheFolder()));
    if (damaged.length > 0) {
      throw new KbinError('CACHE', `${damaged.length} of ${checked} objects are damaged`, {
        evidence: damaged.map(
          ({ artifact, what }) => `${artifact.component} ${artifact.version} ${artifact.name}: ${what}`,
        ),
        hint: 'Import them again from a good source.',
      });
    }
    say(`${checked} objects, all as the lock file says.`);
    return 0;
  },
};
