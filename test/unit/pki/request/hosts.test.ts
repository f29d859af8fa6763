import { altNamesOf } from '../../../../src/pki/request/hosts.ts';

function kinds(...hosts: string[]): { names: Partial<Record<string, string[]>>; faults: string[] } {
  const faults: string[] = [];
  const names = altNamesOf(hosts, (index, what) => faults.push(`${index} ${what}`));
  const filled = Object.entries(names).filter(([, list]: [string, string[]]) => list.length > 0);
  return { names: Object.fromEntries(filled), faults };
}

test.each<[string, string, string?]>([
  ['web.example.com', 'dns'],
  ['*.example.com', 'dns'],
  ['localhost', 'dns'],
  ['_sip.example.com', 'dns'],
  ['Web.Example.COM', 'dns'],
  ['xn--bcher-kva.example', 'dns'],
  ['10.0.0.1', 'ip'],
  ['fd00:0::1', 'ip', 'fd00::1'],
  ['::ffff:10.0.0.9', 'ip', '10.0.0.9'],
  ['alice@example.com', 'email'],
  ['Alice Ann <alice@example.com>', 'email', 'alice@example.com'],
  ['https://example.com/x', 'uri'],
  ['spiffe://td/ns/a', 'uri'],
  ['urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'uri'],
  ['sip:alice@example.com', 'uri'],
])('%s is of kind %s', (host, kind, name = host) => {
  expect(kinds(host)).toEqual({ names: { [kind]: [name] }, faults: [] });
});

test.each([
  ['web:8443', 'names a port'],
  ['10.0.0.1:6443', 'names a port'],
  ['10.0.0.0/24', 'is neither a host nor a URI'],
  ['/etc/passwd', 'is neither a host nor a URI'],
  ['10.0.0.300', 'is not an IP address'],
  ['10.0.0', 'is not an IP address'],
  ['010.0.0.1', 'is not an IP address'],
  ['bücher.example', 'is not ASCII'],
  ['example.com.', 'ends with a dot'],
  ['a..b', 'is no DNS name'],
  ['-a.b', 'is no DNS name'],
  ['a.*.b', 'is no DNS name'],
  ['*', 'is no DNS name'],
  ['a b', 'is not ASCII'],
  ['fe80::1%eth0', 'is no DNS name'],
  ['fd00::zz', 'is no DNS name'],
  ['system:node:a', 'is no DNS name'],
  [`${'a'.repeat(64)}.b`, 'is no DNS name'],
])('%s is refused: %s', (host, what) => {
  const { names, faults } = kinds('good.example', host);
  expect(names).toEqual({ dns: ['good.example'] });
  expect(faults).toEqual([expect.stringContaining(what)]);
  expect(faults[0]).toMatch(/^1 "/);
});

test('hosts keep their order within a kind', () => {
  expect(kinds('b', '10.0.0.2', 'a', '10.0.0.1').names).toEqual({ dns: ['b', 'a'], ip: ['10.0.0.2', '10.0.0.1'] });
});
