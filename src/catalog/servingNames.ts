import type { Host, Inventory } from '../model/inventory.ts';
import type { ServingNames } from '../model/resource.ts';

/**
 * What a kubelet may ask for to serve with: what the inventory gives its host and no other. kube-apiservers dial the
 * address (`--kubelet-preferred-address-types`).
 */
export function servingNames({ hosts }: Pick<Inventory, 'hosts'>, host: Host): ServingNames {
  const { name, address, sshAddress } = host;
  // Behind one jump address several hosts can be reached, and loopback is everybody's.
  const isOwn =
    !/^(127\.|::1$|localhost$)/.test(sshAddress) &&
    hosts.every((other) => other.name === name || ![other.name, other.address, other.sshAddress].includes(sshAddress));
  const allowed = [name, address, ...(isOwn ? [sshAddress] : [])].map((entry) => entry.toLowerCase());
  return { address, allowed: [...new Set(allowed)] };
}

/** What is wrong with the names of a serving certificate, in words that follow `it `; undefined when nothing is. */
export function servingNamesFault(
  { address, allowed }: ServingNames,
  { dnsNames, ipAddresses }: { dnsNames: readonly string[]; ipAddresses: readonly string[] },
): string | undefined {
  const other = [...dnsNames, ...ipAddresses].filter((entry) => !allowed.includes(entry));
  if (other.length > 0) return `is for ${other.join(', ')} too, which the inventory does not give the host`;
  return ipAddresses.includes(address) ? undefined : `is not for ${address}`;
}
