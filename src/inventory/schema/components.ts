import { z } from 'zod';
import type { ComponentName } from '../../model/inventory.ts';
import { RESOURCE_DIRECTIVES } from './directives.ts';
import { oneLine } from './texts.ts';
import { choice, list, mapping, may, section, text, wrong } from './words.ts';

const line = () => oneLine('one line of text', 'Write it without line breaks and control characters.');
const scalarError = wrong('text, a whole number or true/false', 'Put it in quotes, such as "1.5".');
/** Numbers with a fraction are left out: YAML would turn 1.10 into 1.1. */
const scalar = () => z.union([line(), z.int(), z.boolean()], { error: scalarError });
/** A backslash at the end of a line of a unit file would swallow the next line. */
const directive = () => {
  const form = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*(?<!\\)$/;
  const limit = text(form, 'a limit', 'Write one line that does not end in a backslash, such as 2G.');
  return z.union([limit, z.int(), z.boolean()], { error: scalarError });
};

const flagName = () =>
  text(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'the name of a flag',
    'Write it without leading dashes and without a value, such as max-requests-inflight.',
  );
const flagValue = () =>
  z.union([line(), z.int(), z.boolean(), z.null(), list(line(), 'Write texts.')], {
    error: wrong(
      'a value of a flag',
      'Write text, a whole number, true, false, a list of texts, or null to remove the flag; put other numbers in quotes.',
    ),
  });

const variableName = () =>
  text(/^[A-Z_][A-Z0-9_]*$/, 'the name of a variable', 'Write capitals, digits and underscores, such as GOMAXPROCS.');

const args = may(
  mapping(flagName(), flagValue(), 'Write flags and values.'),
  'Flags without dashes. null removes a flag that kbin sets, a list repeats it.',
  { examples: [{ 'max-requests-inflight': 800 }] },
);
const env = may(mapping(variableName(), scalar(), 'Write names and values.'), 'Environment of the program.', {
  examples: [{ GOMAXPROCS: '2' }],
});
const resources = may(
  z.partialRecord(choice(RESOURCE_DIRECTIVES, 'a directive'), directive(), {
    error: (issue: { code?: string; input?: unknown }) =>
      issue.code === 'unrecognized_keys'
        ? RESOURCE_DIRECTIVES.join('\n')
        : wrong('a mapping', 'Write directives and values.')(issue),
  }),
  'Resource limits of the systemd unit, by directive.',
  { examples: [{ MemoryMax: '2G' }] },
);

const MERGED = 'mappings key by key, lists and values replace, null removes.';
const keysError = wrong('a mapping', 'Write keys and values here.');

const override = section({
  args,
  config: may(
    z.record(z.string(), z.unknown(), { error: keysError }),
    `Merged into the component’s configuration file: ${MERGED}`,
    { examples: [{ maxPods: 200 }] },
  ),
  env,
  resources,
}).meta({
  id: 'Override',
  description: 'Changes to a component. Later levels win key by key: cluster, pool, host.',
});

/** etcd would ignore its flags if it had a configuration file, the other two have none. */
const flagsOverride = section({
  args,
  config: may(
    mapping(flagName(), flagValue(), 'Write flags and values.'),
    'Flags as well, a list joined by commas; args win. The program is configured by flags alone.',
    { examples: [{ 'quota-backend-bytes': 8589934592 }] },
  ),
  env,
  resources,
}).meta({ id: 'FlagsOverride', description: 'Changes to a component that is configured by flags.' });

const directives = (what: string) =>
  may(
    mapping(
      text(/^[a-z][a-z0-9 ._-]*$/, 'a directive', 'Write it as in haproxy.cfg, such as timeout client.'),
      z.union([line(), z.int(), z.null(), list(line(), 'Write texts.')], {
        error: wrong('arguments of a directive', 'Write one line, a list of lines to repeat it, or null to remove it.'),
      }),
      'Write directives and arguments.',
    ),
    what,
    { examples: [{ 'timeout client': '1h' }] },
  );
const haproxyOverride = section({
  args,
  config: may(
    section({ global: directives('Section global.'), defaults: directives('Section defaults.') }),
    'Directives of haproxy.cfg. The other sections follow from the hosts.',
  ),
  env,
  resources,
}).meta({ id: 'HaproxyOverride', description: 'Changes to the node-local balancer.' });

/** It runs in pods, so there is no unit to limit; and it is one for the cluster. */
const corednsOverride = section({
  args,
  config: may(
    z.looseObject(
      {
        Corefile: may(
          z.string({ error: wrong('text', 'Write it with |.') }),
          'Text of the Corefile, instead of kbin’s.',
        ),
      },
      { error: keysError },
    ),
    `Merged into the Deployment: ${MERGED}`,
    { examples: [{ spec: { replicas: 3 } }] },
  ),
  env,
}).meta({ id: 'CorednsOverride', description: 'Changes to the cluster’s DNS.' });

/** Programs of the hosts: at each level. */
const programs = {
  containerd: may(override, 'The container runtime. Its file is TOML, version 3, written here as YAML.'),
  etcd: may(flagsOverride, 'The members that kbin runs.'),
  'kube-apiserver': may(flagsOverride, 'The API server.'),
  'kube-controller-manager': may(flagsOverride, 'The controllers.'),
  'kube-scheduler': may(override, 'The scheduler. Its file is a KubeSchedulerConfiguration.'),
  kubelet: may(override, 'The node agent. Its file is a KubeletConfiguration.'),
  'kube-proxy': may(override, 'The Service proxy. Its file is a KubeProxyConfiguration.'),
  haproxy: may(haproxyOverride, 'The node-local balancer in front of the API servers.'),
  flannel: may(override, 'The network between hosts. Its file is net-conf.json.'),
};

export const clusterComponents = section({
  ...programs,
  coredns: may(corednsOverride, 'The cluster’s DNS.'),
} satisfies Record<ComponentName, unknown>).meta({ id: 'ClusterComponents', description: 'All programs.' });

/** Pools and hosts have no coredns: a difference there would be nobody’s. */
export const hostComponents = section(programs).meta({ id: 'Components', description: 'The programs of hosts.' });
