import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { faultLine } from '../../../src/inventory/fault.ts';
import { parseInventory } from '../../../src/inventory/parse.ts';
import type { Inventory } from '../../../src/model/inventory.ts';
import { ENVIRONMENT } from './inventories.ts';

/** Whatever an inventory says, what comes through is fit for a command line, a unit file and a terminal. */

const NASTY = [
  '$(reboot)',
  '`id`',
  "a'b",
  'a"b',
  '-rf',
  '--flag',
  'a b',
  'a\nb',
  'a\0b',
  '\u001b[31m',
  '%n',
  '../..',
  '~',
  '',
  'a;b',
  'a|b',
  '&',
  '\u2028',
  '__proto__',
  'constructor',
  'ü',
  '[1:2]',
  '{}',
  '💥',
];
const hostile = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.stringMatching(/^[a-z0-9]{0,4}$/), fc.constantFrom(...NASTY), fc.stringMatching(/^[a-z0-9]{0,4}$/))
    .map((parts) => parts.join('')),
  fc.stringMatching(/^[-a-z0-9.]{0,12}$/),
);

const HOST = { name: 'a', address: '10.0.0.1', roles: ['etcd', 'control-plane', 'worker'] };
const file = (changes: object, host: object = {}): object => ({
  apiVersion: 'kbin.dev/v1',
  kind: 'Cluster',
  name: 'prod',
  versions: { kubernetes: 'v1.36.2' },
  hosts: [{ ...HOST, ...host }],
  ...changes,
});

/** Calls `look` with the inventory, if it is sound; faults must be single lines without control characters. */
function whenSound(content: object, look: (inventory: Inventory) => void): void {
  const parsed = parseInventory(dump(content), '/etc/kbin/prod.yaml', ENVIRONMENT);
  if ('inventory' in parsed) return look(parsed.inventory);
  expect(parsed.faults.length).toBeGreaterThan(0);
  for (const fault of parsed.faults) {
    expect(faultLine('prod.yaml', fault)).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e]+$/);
  }
}

const RUNS = { numRuns: 40 };

test('names of hosts, the cluster and pools are RFC 1123 names or faults', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      whenSound(file({}, { name: text }), ({ hosts }) => {
        for (const { name } of hosts)
          expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      });
      whenSound(file({ name: text }), ({ cluster }) => expect(cluster).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/));
      whenSound(file({ pools: { [text]: {} } }), () => expect(text).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/));
    }),
    RUNS,
  );
});

test('addresses and users that ssh is called with never begin with a dash and hold no space', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const ssh = { user: text, bastions: [{ address: text, user: text }] };
      whenSound(file({ ssh: { user: text } }), ({ hosts }) => expect(hosts[0]?.ssh.user).toMatch(/^[A-Za-z_][\w.-]*$/));
      whenSound(file({ ssh }), ({ hosts }) => {
        for (const hop of hosts[0]?.ssh.bastions ?? []) expect(hop.address).toMatch(/^[A-Za-z0-9:][A-Za-z0-9:.-]*$/);
      });
      whenSound(file({}, { sshAddress: text }), ({ hosts }) => {
        expect(hosts[0]?.sshAddress).toMatch(/^[A-Za-z0-9:][A-Za-z0-9:.-]*$/);
      });
      whenSound(file({ endpoint: { host: text } }), ({ endpoint }) => {
        expect(endpoint.host).toMatch(/^[A-Za-z0-9:][A-Za-z0-9:.-]*$/);
      });
    }),
    RUNS,
  );
});

test('flags, environment and resource limits stay on one line and keep their name', () => {
  fc.assert(
    fc.property(hostile, hostile, (key, value) => {
      const components = { kubelet: { args: { [key]: value, list: [value] }, env: { [key]: value } } };
      whenSound(file({ components }), ({ hosts }) => {
        const { args = {}, env = {} } = hosts[0]?.components.kubelet ?? {};
        for (const name of Object.keys(args)) expect(name).toMatch(/^[A-Za-z0-9][\w.-]*$/);
        for (const name of Object.keys(env)) expect(name).toMatch(/^[A-Z_][A-Z0-9_]*$/);
        expect(args.list).toEqual([value]);
        expect(value).toMatch(/^[^\u0000-\u001f\u007f]*$/);
      });
      whenSound(file({ components: { kubelet: { env: { NAME: value }, args: { name: value } } } }), ({ hosts }) => {
        expect(hosts[0]?.components.kubelet).toMatchObject({ env: { NAME: value }, args: { name: value } });
        expect(value).toMatch(/^[^\u0000-\u001f\u007f]*$/);
      });
      whenSound(file({ components: { kubelet: { resources: { MemoryMax: value } } } }), () => {
        expect(value).toMatch(/^[^\u0000-\u001f\u007f]*(?<!\\)$/);
      });
    }),
    RUNS,
  );
});

test('paths on hosts are absolute and clean, images and labels have their form', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      whenSound(file({ binDir: `/${text}` }), ({ binDir }) => {
        expect(binDir).toMatch(/^(\/[\w.+@-]+)+$/);
        expect(binDir.split('/')).not.toContain('..');
      });
      whenSound(file({ images: { pause: text } }), ({ images }) => expect(images.pause).toMatch(/^[\w./:@-]+$/));
      whenSound(file({}, { labels: { [text]: text } }), ({ hosts }) => {
        for (const entry of Object.entries(hosts[0]?.labels ?? {})) expect(entry.join('')).toMatch(/^[\w./-]*$/);
      });
      whenSound(file({ network: { dnsDomain: text } }), ({ network }) =>
        expect(network.dnsDomain).toMatch(/^[-a-z0-9.]+$/),
      );
    }),
    RUNS,
  );
});

test('any configuration comes through as it is, as far as JSON can hold it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (config) => {
      whenSound(file({ components: { kubelet: { config } } }), ({ hosts }) => {
        expect(JSON.stringify(hosts[0]?.components.kubelet.config)).toBe(JSON.stringify(config));
      });
    }),
    RUNS,
  );
});

test('any text at all is an inventory or a list of faults, never a crash', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const parsed = parseInventory(text, '/etc/kbin/prod.yaml', ENVIRONMENT);
      expect('faults' in parsed && parsed.faults.length).toBeGreaterThan(0);
    }),
    RUNS,
  );
});

test('any value in any place is an inventory or a list of faults, never a crash', () => {
  const keys = [
    'name',
    'versions',
    'network',
    'endpoint',
    'apiPort',
    'ssh',
    'etcd',
    'certificates',
    'images',
    'preflight',
    'components',
    'pools',
    'hosts',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.jsonValue(), (key, value) => {
      whenSound(file({ [key]: value }), () => undefined);
      whenSound(file({}, { [key]: value }), () => undefined);
      whenSound(file({ [key]: [value], ssh: { [key]: value }, pools: { p: { [key]: value } } }), () => undefined);
    }),
    RUNS,
  );
});
