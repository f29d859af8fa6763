import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { shown } from '../fault.ts';
import { text, wrong } from './words.ts';

/** The kinds of text that occur in several sections. */

// RFC 1123: letters, digits and dashes; no dash at the ends.
const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
export const RFC1123_LABEL = new RegExp(`^${LABEL}$`);
export const RFC1123_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
// Names in DNS may be written in capitals. The last part is never a number, or 10.0.0.256 would be a name.
const DNS_LABEL = '[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?';
const DNS = `(?!(?:.*\\.)?\\d+$)${DNS_LABEL}(?:\\.${DNS_LABEL})*`;
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;
const IPV6 = '[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+';
const TARGET = new RegExp(`^(?:${DNS}|${IPV4}|${IPV6})$`);

/** The form of IPv6 addresses is too rich for a pattern. */
const isSoundAddress = (text: string): boolean => !text.includes(':') || isIPv6(text);

/** Whether a client can dial it: a host name or an address. */
export const isTarget = (text: string): boolean => TARGET.test(text) && isSoundAddress(text);

/** No control characters, no separators of lines: what may stand in a command line or a unit file. */
const ONE_LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;

export const oneLine = (what: string, write: string) => text(ONE_LINE, what, write);

export const label = (what: string) =>
  text(RFC1123_LABEL, what, 'Write small letters, digits and dashes, at most 63, such as prod-1.');

export const dnsName = () =>
  text(RFC1123_NAME, 'a DNS name', 'Write small letters, digits, dashes and dots, such as cluster.local.');

const write = 'Write a name or an address, such as api.example.com or 10.0.0.12.';
/** Host name or address, as a client dials it. */
export function target() {
  const error = wrong('a host name or an address', write);
  return z.string({ error }).regex(TARGET, { error, abort: true }).refine(isSoundAddress, { error });
}

/** What a certificate can stand for: also all names of a domain. */
export function certificateName() {
  const error = wrong('a DNS name or an address', write);
  const form = new RegExp(`^(?:(?:\\*\\.)?${DNS}|${IPV4}|${IPV6})$`);
  return z.string({ error }).regex(form, { error, abort: true }).refine(isSoundAddress, { error });
}

/** Form only: host bits and the size are looked at in check/network.ts. */
export function network(example: string) {
  const error = ({ input }: { input?: unknown }): string =>
    typeof input === 'string' && input.includes(':')
      ? `${shown(input)} is an IPv6 network, and IPv6 is not supported yet.\nWrite an IPv4 network, such as ${example}.`
      : wrong('an IPv4 network', `Write an address, a slash and a length, such as ${example}.`)({ input });
  return z.string({ error }).regex(/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/, { error });
}

/** A path on the hosts: absolute, without `.` and `..`, and of letters that need no quoting anywhere. */
export const hostPath = () =>
  text(
    /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+@-]+)+$/,
    'an absolute path',
    'Write it from the root, without . and .. and without spaces, such as /usr/local/bin.',
  );

/** A path on the operator's machine. */
export const localPath = () =>
  text(
    /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/,
    'a path',
    'Write a path: absolute, from ~ (home), or relative to this file.',
  );

/** The name of an environment variable. What was written is not repeated: it may be the secret itself. */
export function environmentVariable() {
  const error = ({ input }: { input?: unknown }): string =>
    `${input === undefined || input === null ? 'no value' : 'this is not the name of an environment variable'}.\n` +
    'Write capitals, digits and underscores, such as KBIN_SSH_PASSWORD, and put the secret into that variable.';
  return z.string({ error }).regex(/^[A-Z_][A-Z0-9_]*$/, { error });
}

export const userName = () =>
  text(
    /^[A-Za-z_][A-Za-z0-9_.-]*$/,
    'a user name',
    'Write letters, digits, dots, dashes and underscores, such as admin.',
  );

/** An image reference with a tag or a digest. */
const IMAGE =
  /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})(?:@sha256:[a-f0-9]{64})?$/;

export const image = (example: string) =>
  text(IMAGE, 'an image reference with a tag', `Write registry, repository and tag, such as ${example}.`);

export const imageOrNone = (example: string) =>
  text(
    new RegExp(`^none$|${IMAGE.source}`),
    'an image reference with a tag, nor none',
    `Write registry, repository and tag, such as ${example}, or none.`,
  );
