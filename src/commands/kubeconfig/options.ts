import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KbinError } from '../../errors.ts';
import { isStream } from '../../pki/kubeconfigFile.ts';
import { flag, type Arguments, type Option } from '../command.ts';

/** Where a kubeconfig goes and what its entries say, for all commands that make one. */
export const DELIVERY_OPTIONS: Record<string, Option> = {
  output: { type: 'string', alias: 'o', describe: 'file to write (0600); standard output without' },
  merge: {
    type: 'string',
    describe: 'existing kubeconfig to add it to; without a name, $KUBECONFIG or ~/.kube/config',
  },
  context: { type: 'string', describe: 'name of the context' },
  use: { type: 'boolean', describe: 'with --merge: make it the current context', default: false },
  force: { type: 'boolean', describe: 'with --merge: replace entries of another cluster', default: false },
  server: { type: 'string', describe: 'URL of the API instead of the inventory’s endpoint' },
  namespace: { type: 'string', describe: 'namespace of the context' },
};

export type Destination =
  | { kind: 'stdout' }
  | { kind: 'file' | 'stream'; file: string }
  | { kind: 'merge'; file: string; use: boolean; force: boolean };

/** Throws USAGE for options that contradict each other. */
export function destinationOf(args: Arguments): Destination {
  const [output, merge] = [once(args, 'output'), once(args, 'merge')];
  const [use, force] = [flag(args, 'use'), flag(args, 'force')];
  if (merge !== undefined) {
    if (output !== undefined) throw usage('--output and --merge exclude each other', 'Give one of them.');
    return { kind: 'merge', file: merge === '' ? defaultFile() : merge, use, force };
  }
  if (use || force)
    throw usage(`--${use ? 'use' : 'force'} means nothing without --merge`, 'Add --merge, or leave it out.');
  if (output === '') throw usage('--output names no file', 'Name one, or leave --output out.');
  if (output === undefined) return { kind: 'stdout' };
  return { kind: isStream(output) ? 'stream' : 'file', file: output };
}

/** The file that kubectl changes: the first that KUBECONFIG names, or ~/.kube/config. */
const defaultFile = (): string =>
  (process.env['KUBECONFIG'] ?? '').split(delimiter).find((file) => file !== '') ?? join(homedir(), '.kube', 'config');

/** What the command line says of the entries. Throws USAGE for what cannot stand there. */
export function wishesOf(args: Arguments): { context?: string; server?: string; namespace?: string } {
  const [context, server, namespace] = [once(args, 'context'), once(args, 'server'), once(args, 'namespace')];
  if (context !== undefined && (context.trim() === '' || /\p{C}/u.test(context))) {
    throw usage(`--context ${JSON.stringify(context)} is no name`, 'Write one such as alice@prod.');
  }
  if (server !== undefined && !isServer(server)) {
    throw usage(
      `--server ${JSON.stringify(server)} is no URL of an API`,
      'Write one such as https://api.example.com:6443.',
    );
  }
  if (namespace !== undefined && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw usage(
      `--namespace ${JSON.stringify(namespace)} is no namespace`,
      'Write lower-case letters, digits and dashes.',
    );
  }
  return {
    ...(context === undefined ? {} : { context }),
    ...(server === undefined ? {} : { server }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function isServer(text: string): boolean {
  if (!/^https:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}

/** Value of an option that may stand there once; undefined without it. */
export function once(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (Array.isArray(value)) throw usage(`--${name} stands there more than once`, 'Give it once.');
  return typeof value === 'string' ? value : undefined;
}

const usage = (message: string, hint: string): KbinError => new KbinError('USAGE', message, { hint });
