import { isIP } from 'node:net';
import { addressBytes, addressText } from '../address.ts';
import type { AltNames } from '../altNames.ts';
import { shown } from './faults.ts';

type Kind = keyof AltNames;

// Without `//` only schemes that are known, so that half an IPv6 address or a host with its port is none.
const URI = /^([a-z][a-z0-9+.-]*:\/\/|(urn|mailto|sips?|tel|xmpp):)[\x21-\x7e]+$/i;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/**
 * Subject alternative names of a request's hosts: an IP address, a mail address, a URI, or else a DNS name, tried in this
 * order as cfssl does; empty ones are passed over. What cfssl would write where no program can ever match it is told to
 * `fault`.
 */
export function altNamesOf(hosts: readonly string[], fault: (index: number, what: string) => void): AltNames {
  const names: Record<Kind, string[]> = { dns: [], email: [], ip: [], uri: [] };
  for (const [index, host] of hosts.entries()) {
    if (host === '') continue;
    const [kind, name] = kindOf(host);
    const what = kind === 'dns' ? dnsFault(name) : undefined;
    if (what === undefined) names[kind].push(name);
    else fault(index, `${shown(host)} ${what}`);
  }
  return names;
}

function kindOf(host: string): [Kind, string] {
  const isAddress = isIP(host) !== 0 && !host.includes('%');
  if (isAddress) return ['ip', unmapped(addressBytes(host))];
  // `Name <address>` counts as the address alone.
  const mail = /^(?:[^<>]*<)?([\x21-\x3b\x3d\x3f\x41-\x7e]+@[A-Za-z0-9.-]+)>?$/.exec(host)?.[1];
  if (mail !== undefined && !mail.includes(':')) return ['email', mail];
  return [URI.test(host) ? 'uri' : 'dns', host];
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** An IPv4 address that is written as IPv6 is one all the same, as in Go. */
const unmapped = (bytes: Buffer): string =>
  addressText(bytes.length === 16 && bytes.subarray(0, 12).equals(MAPPED) ? bytes.subarray(12) : bytes);

function dnsFault(name: string): string | undefined {
  if (/^[^:]*:\d+$/.test(name)) return 'names a port. Certificates name hosts only.';
  if (name.includes('/'))
    return 'is neither a host nor a URI. Write such as 10.0.0.5, web.example.com or https://host/path.';
  if (/[^\x21-\x7e]/.test(name)) return 'is not ASCII. Write an internationalized name in its xn-- form.';
  const labels = name.split('.');
  if (labels.at(-1) === '') return 'ends with a dot, so no client would match it. Leave the dot out.';
  if (/^\d+$/.test(labels.at(-1) ?? '')) return 'is not an IP address, nor can a DNS name end with a number.';
  const own = labels[0] === '*' && labels.length > 1 ? labels.slice(1) : labels;
  const isName = name.length <= 253 && own.every((label) => LABEL.test(label));
  return isName ? undefined : 'is no DNS name. Write labels of letters, digits and dashes; * only as the first.';
}
