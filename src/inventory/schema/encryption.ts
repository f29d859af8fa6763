import { z } from 'zod';
import { ENCRYPTION_PROVIDERS } from '../../model/encryption.ts';
import { DEFAULTS } from '../defaults.ts';
import { quoted } from '../fault.ts';
import { RFC1123_LABEL } from './texts.ts';
import { choice, list, may, must, section, text, whole, wrong } from './words.ts';

const { encryption: defaults } = DEFAULTS;
const EXAMPLE = 'Write it as Kubernetes names it, such as secrets or deployments.apps.';

/** What kube-apiserver refuses. Source: k8s.io/apiserver pkg/apis/apiserver/validation/validation_encryption.go. */
const REFUSED = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];
const RESOURCE = /^[a-z][a-z0-9]*(?:\.|(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)+)?$/;

function resourceError({ input }: { input?: unknown }): string {
  if (typeof input !== 'string') return wrong('a resource', EXAMPLE)({ input });
  if (input.includes('*')) {
    return `${quoted(input)} is a wildcard, and what it means changes with every API that is installed.\nName the resources: each of their objects is written again and proved.`;
  }
  if (/\.events\.k8s\.io$|\.extensions$/.test(input)) {
    return `${quoted(input)} is stored in another group.\nWrite ${input.startsWith('events.') ? 'events' : 'the group that it has now, such as deployments.apps'}.`;
  }
  return wrong('a resource', EXAMPLE)({ input });
}

const resource = z
  .string({ error: resourceError })
  .regex(RESOURCE, { error: resourceError, abort: true })
  .refine((name) => !REFUSED.includes(name) && !/\.events\.k8s\.io$|\.extensions$/.test(name), {
    error: resourceError,
  });

const kms = section({
  name: must(
    text(RFC1123_LABEL, 'the name of a KMS provider', 'Write small letters, digits and dashes, such as vault.'),
    'Name of the provider, which every stored value begins with: it stays as long as these do.',
    { examples: ['vault'] },
  ),
  endpoint: must(
    text(
      /^unix:\/\/(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+@-]+)+$/,
      'a socket',
      'Write such as unix:///run/kms/plugin.sock.',
    ),
    'Socket of the plugin, on every control plane.',
    { examples: ['unix:///run/kms/plugin.sock'] },
  ),
  timeoutSeconds: may(whole(1, 600, 'a time in seconds'), 'Longest time that one call of it takes.', {
    default: defaults.kms.timeoutSeconds,
  }),
});

export const encryption = section({
  provider: may(
    choice(ENCRYPTION_PROVIDERS, 'an encryption provider'),
    'secretbox (XSalsa20 and Poly1305) and aesgcm: with a key of kbin’s. kms: a plugin for KMS v2 that you run on every control plane. none: nothing is encrypted.',
    { default: defaults.provider },
  ),
  resources: may(
    list(resource, 'Write names of resources.').min(1, {
      error: 'an empty list.\nName resources, or write provider: none.',
    }),
    'What is encrypted, as Kubernetes names it: the resource, and after a dot its group. No wildcards.',
    { default: defaults.resources, examples: [['secrets', 'configmaps']] },
  ),
  kms: may(kms, 'For the provider kms.'),
});
