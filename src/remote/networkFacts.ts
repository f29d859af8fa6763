/** Interfaces that are made by software on every node, so that their addresses say nothing about the machine. */
const VIRTUAL = /^(lo|veth|cni|flannel|docker|kube-|br-|cali|tunl|vxlan|virbr|dummy|cilium|lxc|nodelocaldns)/;

const ADDRESS_FILE = /^\/sys\/class\/net\/([^/]+)\/address$/;

/** Sorted MAC addresses of the interfaces that look like hardware. */
export function macAddresses(files: ReadonlyMap<string, readonly string[]>): string[] {
  const macs = [...files].flatMap(([path, lines]) => {
    const name = ADDRESS_FILE.exec(path)?.[1];
    const mac = lines[0]?.trim().toLowerCase() ?? '';
    return name === undefined || VIRTUAL.test(name) || /^(00:)*00$|^$/.test(mac) ? [] : [mac];
  });
  return [...new Set(macs)].sort();
}

/** IPv4 addresses of the host itself: the `/32 host LOCAL` leaves of the kernel's routing trie. */
function ipv4Addresses(trie: readonly string[]): string[] {
  const found: string[] = [];
  let leaf = '';
  for (const line of trie) {
    const address = /\|-- (\d+\.\d+\.\d+\.\d+)/.exec(line)?.[1];
    if (address !== undefined) leaf = address;
    else if (line.includes('/32 host LOCAL') && leaf !== '') found.push(leaf);
  }
  return found.filter((address) => !address.startsWith('127.'));
}

/** Global addresses of /proc/net/if_inet6, in the form of RFC 5952. */
const ipv6Addresses = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const [hex = '', , , scope] = line.trim().split(/\s+/);
    if (scope !== '00' || !/^[0-9a-f]{32}$/.test(hex)) return [];
    return [new URL(`http://[${(hex.match(/.{4}/g) ?? []).join(':')}]`).hostname.slice(1, -1)];
  });

/** Addresses of the host but loopback and link-local ones, sorted. */
export const hostAddresses = (trie: readonly string[], inet6: readonly string[]): string[] =>
  [...new Set([...ipv4Addresses(trie), ...ipv6Addresses(inet6)])].sort();

/** Listening TCP ports of /proc/net/tcp{,6}, and of `ss -ltnp` where it ran, with the program where it is known. */
export function listeningPorts(
  sockets: readonly string[],
  listeners: readonly string[],
): { port: number; program: string }[] {
  const programs = new Map<number, string>();
  for (const line of sockets) {
    const port = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /.exec(line)?.[1];
    if (port !== undefined) programs.set(parseInt(port, 16), '');
  }
  for (const line of listeners) {
    const [state, , , local = ''] = line.trim().split(/\s+/);
    const port = /:(\d+)$/.exec(local)?.[1];
    const program = /users:\(\("([^"]*)"/.exec(line)?.[1];
    if (state === 'LISTEN' && port !== undefined && program !== undefined) programs.set(Number(port), program);
  }
  return [...programs].map(([port, program]) => ({ port, program })).sort((a, b) => a.port - b.port);
}
