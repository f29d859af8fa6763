import { describe, expect, test } from '@jest/globals';
import { sha256, unitStamp } from '../../../src/model/digest.ts';
import type { HostFacts, PathFact, UnitFact } from '../../../src/model/facts.ts';
import { ownedPaths } from '../../../src/plan/owned.ts';
import { hostSteps } from '../../../src/plan/hostSteps.ts';
import { resolvedInputs } from '../../../src/plan/unitNeeds.ts';
import {
  binary,
  bundle,
  caFile,
  config,
  directory,
  hostFacts,
  image,
  input,
  local,
  pair,
  reasons,
  RESOURCES,
  rightFacts,
  stored,
  unit,
  unitFile,
  without as omitted,
} from './ground.ts';

type Change = (facts: HostFacts) => HostFacts;

const path =
  (name: string, changed: Partial<PathFact>): Change =>
  (facts) => ({ ...facts, paths: { ...facts.paths, [name]: { ...facts.paths[name]!, ...changed } } });
const without =
  (name: string): Change =>
  (facts) => ({ ...facts, paths: Object.fromEntries(Object.entries(facts.paths).filter(([own]) => own !== name)) });
const unitIs =
  (changed: Partial<UnitFact>): Change =>
  (facts) => ({ ...facts, units: { 'app.service': { ...facts.units['app.service']!, ...changed } } });

const RESTART = 'cp-1/unit:app.service: what it runs with is put right';
const PROGRAM = '/opt/kbin/etcd/v3.6.16/app';

test('a host that is right needs nothing', () => {
  expect(reasons(input(rightFacts()))).toEqual([]);
});

test('a bare host needs everything, in the order in which it stands on each other', () => {
  expect(reasons(input(hostFacts({ swaps: ['/dev/sda2', '/swapfile'] })))).toEqual([
    'cp-1/user:etcd: missing',
    'cp-1/directory:/var/lib/app: missing',
    'cp-1/binary:/usr/local/bin/app: missing',
    'cp-1/link:/usr/local/bin/app: missing',
    'cp-1/pair:/etc/pki/app: missing',
    'cp-1/file:/etc/ca.crt: missing',
    'cp-1/file:/etc/bundle.crt: missing',
    'cp-1/file:/etc/app.yaml: missing',
    'cp-1/file:/etc/systemd/system/app.service: missing',
    'cp-1/kernel:node: module overlay is not loaded; module br_netfilter is not loaded; net.ipv4.ip_forward is absent, not 1; kernel.panic is absent, not 10; swap is on (/dev/sda2, /swapfile)',
    'cp-1/unit:app.service: never started by kbin',
    'cp-1/image:registry/app:v1: not imported',
  ]);
});

const DRIFTS: readonly (readonly [string, Change, string[]])[] = [
  ['a missing user', (facts) => ({ ...facts, users: [] }), ['cp-1/user:etcd: missing']],

  ['a missing directory', without('/var/lib/app'), ['cp-1/directory:/var/lib/app: missing']],
  [
    'a directory’s mode',
    path('/var/lib/app', { mode: '0755' }),
    ['cp-1/directory:/var/lib/app: mode is 0755, not 0700'],
  ],
  [
    'a directory’s owner',
    path('/var/lib/app', { owner: 'root:root' }),
    ['cp-1/directory:/var/lib/app: owner is root:root, not app:app'],
  ],
  [
    'a file where a directory belongs',
    path('/var/lib/app', { type: 'file' }),
    ['cp-1/directory:/var/lib/app: is a file, not a directory'],
  ],

  ['a missing file', without('/etc/bundle.crt'), ['cp-1/file:/etc/bundle.crt: missing']],
  ['another CA', path('/etc/ca.crt', { sha256: 'f'.repeat(64) }), ['cp-1/file:/etc/ca.crt: content differs']],
  ['a file’s mode', path('/etc/app.yaml', { mode: '0600' }), ['cp-1/file:/etc/app.yaml: mode is 0600, not 0644']],
  [
    'a file’s owner',
    path('/etc/app.yaml', { owner: 'app:app' }),
    ['cp-1/file:/etc/app.yaml: owner is app:app, not root:root'],
  ],
  [
    'a link where a file belongs',
    path('/etc/ca.crt', { type: 'link', target: '/tmp/x' }),
    ['cp-1/file:/etc/ca.crt: is a link, not a file'],
  ],
  [
    'a unit’s own file by hand',
    path('/etc/app.yaml', { sha256: 'f'.repeat(64) }),
    ['cp-1/file:/etc/app.yaml: content differs', RESTART],
  ],
  ['a unit’s own file gone', without('/etc/app.yaml'), ['cp-1/file:/etc/app.yaml: missing', RESTART]],

  ['a missing pair', without('/etc/pki/app'), ['cp-1/pair:/etc/pki/app: missing']],
  [
    'a pair’s link elsewhere',
    path('/etc/pki/app', { target: '/etc/pki/.pairs/x' }),
    ['cp-1/pair:/etc/pki/app: another certificate'],
  ],
  [
    'another certificate',
    path('/etc/pki/app/tls.crt', { sha256: 'f'.repeat(64) }),
    ['cp-1/pair:/etc/pki/app: another certificate'],
  ],
  ['a certificate that is gone', without('/etc/pki/app/tls.crt'), ['cp-1/pair:/etc/pki/app: another certificate']],
  [
    'another key',
    path('/etc/pki/app/tls.key', { sha256: 'f'.repeat(64) }),
    ['cp-1/pair:/etc/pki/app: key does not belong to the certificate'],
  ],
  [
    'a key that others read',
    path('/etc/pki/app/tls.key', { mode: '0644' }),
    ['cp-1/pair:/etc/pki/app: key: mode is 0644, not 0600'],
  ],
  [
    'a certificate of another owner',
    path('/etc/pki/app/tls.crt', { owner: 'root:root' }),
    ['cp-1/pair:/etc/pki/app: certificate: owner is root:root, not app:app'],
  ],

  ['a missing program', without(PROGRAM), ['cp-1/binary:/usr/local/bin/app: missing', RESTART]],
  [
    'another program',
    path(PROGRAM, { sha256: 'f'.repeat(64) }),
    ['cp-1/binary:/usr/local/bin/app: content differs', RESTART],
  ],
  [
    'a program that cannot be run',
    path(PROGRAM, { mode: '0644' }),
    ['cp-1/binary:/usr/local/bin/app: mode is 0644, not 0755'],
  ],
  [
    'a program that somebody else may replace',
    path(PROGRAM, { owner: 'nobody:nogroup' }),
    ['cp-1/binary:/usr/local/bin/app: owner is nobody:nogroup, not root:root'],
  ],
  ['a missing link', without('/usr/local/bin/app'), ['cp-1/link:/usr/local/bin/app: missing', RESTART]],
  [
    'a link to another version',
    path('/usr/local/bin/app', { target: '/opt/kbin/etcd/v3.5.0/app' }),
    ['cp-1/link:/usr/local/bin/app: points to /opt/kbin/etcd/v3.5.0/app', RESTART],
  ],
  [
    'a file where a link belongs',
    (facts) => {
      const rest = omitted(facts.paths['/usr/local/bin/app']!, 'target');
      return { ...facts, paths: { ...facts.paths, '/usr/local/bin/app': { ...rest, type: 'file' } } };
    },
    ['cp-1/link:/usr/local/bin/app: points to a file', RESTART],
  ],

  [
    'an image that is not imported',
    (facts) => ({ ...facts, images: [] }),
    ['cp-1/image:registry/app:v1: not imported'],
  ],

  [
    'a module',
    (facts) => ({ ...facts, modules: ['overlay'] }),
    ['cp-1/kernel:node: module br_netfilter is not loaded'],
  ],
  [
    'a sysctl',
    (facts) => ({ ...facts, sysctls: { ...facts.sysctls, 'kernel.panic': '0' } }),
    ['cp-1/kernel:node: kernel.panic is 0, not 10'],
  ],
  ['swap', (facts) => ({ ...facts, swaps: ['/dev/zram0'] }), ['cp-1/kernel:node: swap is on (/dev/zram0)']],

  [
    'a unit without a stamp',
    unitIs({ startedWith: undefined as never }),
    ['cp-1/unit:app.service: never started by kbin'],
  ],
  ['another stamp', unitIs({ startedWith: 'other' }), ['cp-1/unit:app.service: what it runs with changed']],
  ['a unit that is inactive', unitIs({ active: 'inactive' }), ['cp-1/unit:app.service: is inactive']],
  ['a unit that failed', unitIs({ active: 'failed' }), ['cp-1/unit:app.service: is failed']],
  ['a unit that is still starting', unitIs({ active: 'activating' }), ['cp-1/unit:app.service: is activating']],
  ['a unit that is not enabled', unitIs({ enabled: false }), ['cp-1/enable:app.service: is not enabled']],
];

test.each(DRIFTS)('%s is seen', (_name, change, expected) => {
  expect(reasons(input(change(rightFacts())))).toEqual(expected);
});

describe('a unit', () => {
  const actionOf = (change: Change): unknown => hostSteps(input(change(rightFacts()))).at(-1)?.action;

  test('that stands still is started as its component likes it, and enabled where it is not', () => {
    const asked = { do: 'unit', unit: 'app.service', start: 'queued' };
    expect(actionOf(unitIs({ active: 'inactive', enabled: false }))).toMatchObject({
      ...asked,
      verb: 'start',
      enable: true,
    });
    expect(actionOf(unitIs({ active: 'failed', startedWith: 'other' }))).toMatchObject({
      ...asked,
      verb: 'restart',
      enable: false,
    });
  });

  test('that serves is restarted while one waits for it: a gate must not ask the old process', () => {
    expect(actionOf(unitIs({ startedWith: 'other' }))).toMatchObject({ verb: 'restart', start: 'ready' });
    expect(actionOf(unitIs({ startedWith: undefined as never }))).toMatchObject({ verb: 'restart', start: 'ready' });
  });

  test('that can read again all that changed is only asked to reload, unless it is unknown what it runs with', () => {
    const [, configId = ''] = unit.restartsOn;
    const reloading = { ...unit, reloadsOn: [configId] };
    const resources = RESOURCES.map((resource) => (resource === unit ? reloading : resource));
    const verbs = (facts: HostFacts): unknown => {
      const action = hostSteps(input(facts, { resources })).at(-1)?.action;
      return action?.do === 'unit' ? action.verb : undefined;
    };
    const own = hostSteps(input(unitIs({ startedWith: 'x' })(rightFacts()), { resources })).at(-1)?.action;
    const inputs = own?.do === 'unit' ? (own.inputs as Record<string, string>) : {};
    const [kept = '', again = ''] = unitStamp(inputs, [configId]).split(' ');
    const started = (startedWith: string): HostFacts => unitIs({ startedWith })(rightFacts());
    const otherConfig = path('/etc/app.yaml', { sha256: 'f'.repeat(64) });
    const otherUnit = path('/etc/systemd/system/app.service', { sha256: 'f'.repeat(64) });
    const stale = 'e'.repeat(64);
    expect(verbs(started(`${kept} ${again}`))).toBeUndefined();
    expect(verbs(started(`${kept} ${stale}`))).toBe('reload');
    expect(verbs(otherConfig(started(`${kept} ${stale}`)))).toBe('reload');
    // A run died after it had written it.
    expect(verbs(started(`${kept} unknown`))).toBe('reload');
    expect(verbs(started(`${stale} ${again}`))).toBe('restart');
    expect(verbs(started(`${stale} ${stale}`))).toBe('restart');
    expect(verbs(started('unknown'))).toBe('restart');
    expect(verbs(unitIs({ active: 'inactive' })(started(`${kept} ${stale}`)))).toBe('restart');
    // Somebody edited it: it may have read that already, and reads it again.
    expect(verbs(otherConfig(started(`${kept} ${again}`)))).toBe('reload');
    expect(verbs(otherUnit(otherConfig(started(`${kept} ${again}`))))).toBe('restart');
  });

  test('that restarts on a pair does so when another certificate is there, not for its mode', () => {
    const reading = { ...unit, restartsOn: [unitFile.id, pair.id] };
    const stamp = unitStamp({ [unitFile.id]: sha256('[Service]\n'), [pair.id]: stored('app@cp-1').certSha256 });
    const own = unitIs({ startedWith: stamp })(rightFacts());
    const resources = [unitFile, pair, reading];
    const other = path('/etc/pki/app/tls.crt', { sha256: 'f'.repeat(64) })(own);
    expect(reasons(input(own, { resources }))).toEqual([]);
    expect(reasons(input(other, { resources }))).toEqual(['cp-1/pair:/etc/pki/app: another certificate', RESTART]);
    const open = path('/etc/pki/app/tls.crt', { mode: '0644' })(own);
    expect(reasons(input(open, { resources }))).toHaveLength(1);
  });

  test('that restarts on what its host does not have is a bug', () => {
    const resources = RESOURCES.filter((resource) => resource !== config);
    expect(() => hostSteps(input(rightFacts(), { resources }))).toThrow(
      'app.service restarts on file:/etc/app.yaml, which cp-1 does not have',
    );
  });
});

describe('a certificate that this plan issues', () => {
  const issued = new Set(['ca', 'app@cp-1']);
  const reading = { ...unit, restartsOn: [unitFile.id, caFile.id] };
  const resources = [caFile, bundle, pair, unitFile, reading];

  test('is written wherever it is, and what reads it is restarted', () => {
    expect(reasons(input(rightFacts(), { resources, issued }))).toEqual([
      'cp-1/pair:/etc/pki/app: certificate is issued now',
      'cp-1/file:/etc/ca.crt: holds a certificate that is issued now',
      'cp-1/file:/etc/bundle.crt: holds a certificate that is issued now',
      'cp-1/unit:app.service: what it runs with changed',
    ]);
  });

  test('has no content yet, neither in the plan nor in what a unit will be stamped with', () => {
    const step = hostSteps(input(rightFacts(), { resources, issued })).at(-1);
    expect(step?.action).toMatchObject({ inputs: { [caFile.id]: null } });
  });

  test('that nobody ever issued is a missing pair', () => {
    const certificates = omitted(local().certificates, 'app@cp-1');
    expect(reasons(input(rightFacts(), { local: local({ certificates }) }))).toEqual([
      'cp-1/pair:/etc/pki/app: certificate is issued now',
    ]);
  });
});

describe('the inputs of a unit', () => {
  test('that were unknown are known once the certificates exist', () => {
    expect(resolvedInputs({ [caFile.id]: null, [config.id]: 'd' }, RESOURCES, local())).toEqual({
      [caFile.id]: local().certificates['ca']?.certSha256,
      [config.id]: 'd',
    });
  });

  test('that stay unknown are a bug: a stamp would stand for less than the unit was started with', () => {
    const without = local({ certificates: {} });
    expect(() => resolvedInputs({ [caFile.id]: null }, RESOURCES, without)).toThrow(
      'file:/etc/ca.crt is not known yet',
    );
    expect(() => resolvedInputs({ 'file:/gone': null }, RESOURCES, local())).toThrow('file:/gone is not known yet');
  });
});

test('what a file must still be when it is written is part of its step', () => {
  const expects = (facts: HostFacts): unknown[] =>
    hostSteps(input(facts, { resources: [config] })).map(({ expect: expected }) => expected);
  expect(expects(hostFacts())).toEqual(['absent']);
  expect(expects(path('/etc/app.yaml', { sha256: 'f'.repeat(64) })(rightFacts()))).toEqual(['f'.repeat(64)]);
  expect(expects(path('/etc/app.yaml', { type: 'link' })(rightFacts()))).toEqual([undefined]);
});

test.each<[string, PathFact['behind'], string[]]>([
  ['right', { mode: directory.mode, owner: directory.owner }, []],
  [
    'somebody else’s',
    { mode: directory.mode, owner: 'nobody:nogroup' },
    [`owner is nobody:nogroup, not ${directory.owner}`],
  ],
  ['not there', undefined, ['leads to no directory']],
])('a directory that a link leads to (data on another disk) is %s', (_, behind, why) => {
  const link: PathFact = { type: 'link', mode: '0777', owner: 'root:root', target: '/data/app' };
  const facts = path('/var/lib/app', behind === undefined ? link : { ...link, behind })(rightFacts());
  expect(reasons(input(facts, { resources: [directory] }))).toEqual(
    why.map((reason) => `cp-1/directory:/var/lib/app: ${reason}`),
  );
});

test('what the cache lacks is the preflight’s to report: nothing can be planned for it', () => {
  const steps = hostSteps(input(hostFacts(), { resources: [binary, image], local: local({ cache: [] }) }));
  expect(steps).toEqual([]);
});

test('kernel settings that are right are not set again', () => {
  const facts = { ...rightFacts(), modules: ['overlay'], sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.panic': '0' } };
  expect(hostSteps(input(facts)).map(({ action }) => action)).toEqual([
    {
      do: 'kernel',
      kernel: expect.objectContaining({ modules: ['br_netfilter'], sysctls: { 'kernel.panic': '10' }, swapOff: false }),
    },
  ]);
});

test('what is owned is every path that a resource puts on a host', () => {
  expect(RESOURCES.flatMap(ownedPaths).sort()).toEqual([
    '/etc/app.yaml',
    '/etc/bundle.crt',
    '/etc/ca.crt',
    '/etc/pki/app',
    '/etc/systemd/system/app.service',
    '/opt/kbin/etcd/v3.6.16/app',
    '/usr/local/bin/app',
    '/var/lib/app',
  ]);
});
