import { readdir, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import SSHConfig from 'ssh-config';
import { KbinError } from '../errors.ts';
import type { SshSettings } from '../model/inventory.ts';
import { matchesPattern } from './patterns.ts';

/** What an OpenSSH client configuration says about one host; what it does not say is absent. */
export interface ClientConfigValues {
  hostName?: string;
  user?: string;
  port?: number;
  keys: string[];
  /** Empty: `ProxyJump none`. */
  jumps?: string[];
  proxyCommand?: string;
  knownHosts?: string[];
  hostKeys?: SshSettings['hostKeys'];
  keyName?: string;
}

/** Answers as `ssh -G <address>` would, for the options that kbin maps. */
export type ClientConfig = (address: string, user?: string) => ClientConfigValues;

const POLICIES: Record<string, SshSettings['hostKeys']> = {
  yes: 'strict',
  ask: 'strict',
  'accept-new': 'accept-new',
  no: 'off',
  off: 'off',
};

/**
 * Reads the text of an OpenSSH client configuration. Host, Match (without exec: kbin runs no program for a name) and
 * tokens of ssh_config(5) are understood. `home` replaces ~ and %d. Throws INVENTORY for text that is no configuration.
 */
export function clientConfig(text: string, home: string, file: string): ClientConfig {
  const parsed = parse(text, file);
  return (address, user) => {
    const found = parsed.compute(
      { Host: address, ...(user === undefined ? {} : { User: user }) },
      { ignoreCase: true, matchExec: false },
    );
    return values(found, { address, home });
  };
}

function parse(text: string, file: string): SSHConfig {
  try {
    // Canonicalizing would ask the name server once for each domain, through nslookup, before anything is connected.
    return SSHConfig.parse(text.replace(/^\s*Canonicalize\w+.*$/gim, ''));
  } catch (error) {
    throw new KbinError('INVENTORY', `ssh.configFile ${file} is not an OpenSSH client configuration.`, {
      hint: `ssh -G -F '${file}' somehost names the line.`,
      cause: error,
    });
  }
}

type Found = Record<string, string | string[]>;

function values(found: Found, { address, home }: { address: string; home: string }): ClientConfigValues {
  const first = (name: string): string | undefined => [found[name] ?? []].flat()[0];
  const hostName = first('hostname')?.replaceAll('%h', address).replaceAll('%%', '%');
  const user = first('user');
  const port = first('port');
  const expand = (path: string) =>
    expanded(path, { home, n: address, h: hostName ?? address, p: port ?? '22', r: user ?? '' });
  const jump = first('proxyjump');
  const command = [found['proxycommand'] ?? []].flat().join(' ');
  const policy = POLICIES[first('stricthostkeychecking')?.toLowerCase() ?? ''];
  const keyName = first('hostkeyalias');
  const known = [found['userknownhostsfile'] ?? [], found['globalknownhostsfile'] ?? []].flat(2);
  return {
    keys: [found['identityfile'] ?? []].flat().filter(isGiven).map(expand),
    ...(hostName === undefined ? {} : { hostName }),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(jump === undefined ? {} : { jumps: jump.split(',').filter(isGiven) }),
    ...(command === '' || !isGiven(command) ? {} : { proxyCommand: command }),
    ...(found['userknownhostsfile'] === undefined ? {} : { knownHosts: known.filter(isGiven).map(expand) }),
    ...(policy === undefined ? {} : { hostKeys: policy }),
    ...(keyName === undefined ? {} : { keyName }),
  };
}

const isGiven = (value: string): boolean => value.toLowerCase() !== 'none';

function expanded(path: string, { home, ...tokens }: Record<'home' | 'n' | 'h' | 'p' | 'r', string>): string {
  const known: Record<string, string> = { ...tokens, d: home, '%': '%', u: process.env['USER'] ?? '' };
  const full = path
    .replace(/^~(?=\/|$)/, home)
    .replace(/%(.)/g, (whole, token: string) => known[token] ?? whole)
    .replace(/\$\{(\w+)\}/g, (_, name: string) => process.env[name] ?? '');
  return isAbsolute(full) ? full : join(home, '.ssh', full);
}

/** Reads `path` with what it includes. Throws INVENTORY when the file itself cannot be read. */
export async function readClientConfig(path: string, home: string): Promise<ClientConfig> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new KbinError('INVENTORY', `ssh.configFile ${path} cannot be read.`, {
      hint: 'Name an OpenSSH client configuration file, such as ~/.ssh/config, or leave ssh.configFile out.',
      cause: error,
    });
  });
  return clientConfig(await withIncludes(text, home, 0), home, path);
}

/** ssh gives up at 16 levels (readconf.c, READCONF_MAX_DEPTH). */
const INCLUDE_DEPTH = 16;

async function withIncludes(text: string, home: string, depth: number): Promise<string> {
  const lines = await Promise.all(
    text.split('\n').map(async (line) => {
      const [, words] = /^\s*include[\s=]+(.+)$/i.exec(line) ?? [];
      if (words === undefined || depth >= INCLUDE_DEPTH) return words === undefined ? line : '';
      const patterns = (words.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, ''));
      const files = await Promise.all(patterns.map((pattern) => globbed(pattern, home)));
      const texts = await Promise.all(files.flat().map((file) => readFile(file, 'utf8').catch(() => '')));
      return (await Promise.all(texts.map((inner) => withIncludes(inner, home, depth + 1)))).join('\n');
    }),
  );
  return lines.join('\n');
}

async function globbed(pattern: string, home: string): Promise<string[]> {
  const path = expanded(pattern, { home, n: '', h: '', p: '', r: '' });
  if (!/[*?]/.test(path)) return [path];
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  return names
    .map((name) => join(folder, name))
    .filter((file) => matchesPattern(path, file))
    .sort();
}
