import { z } from 'zod';
import { HOST_PROVIDED } from '../../catalog/versions.ts';
import { DEFAULTS } from '../defaults.ts';
import { may, must, section, wrong } from './words.ts';

/** A version with `v`, as releases are tagged. A bare `1.36.2` is met often enough to be answered exactly. */
function version(example: string, form = /^v(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}$/) {
  const error = ({ input }: { input?: unknown }): string => {
    const repaired = typeof input === 'string' ? `v${input.trim().replace(/^v\.?/i, '')}` : '';
    return wrong(
      'a version',
      form.test(repaired) ? `Write ${repaired}.` : `Write v and three numbers, such as ${example}.`,
    )({ input });
  };
  return z.string({ error }).regex(form, { error });
}

function imageVersion(example: string) {
  const form = /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))?$/;
  const error = ({ input }: { input?: unknown }): string => {
    // YAML reads 3.10 as the number 3.1.
    const help =
      typeof input === 'number'
        ? `Put it in quotes: "${example}".`
        : `Write numbers and dots without v, such as ${example}.`;
    return wrong('the version of the pause image', help)({ input });
  };
  return z.string({ error }).regex(form, { error });
}

/** flannel's own plugin is tagged `v1.9.1-flannel1`. */
const PLUGIN = /^v(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-flannel\d+)?$/;
const table = 'the one tested with that Kubernetes';

export const versions = section({
  kubernetes: must(version('v1.36.2'), 'Version of all Kubernetes programs.', { examples: ['v1.36.2'] }),
  etcd: may(version('v3.6.16'), 'Version of etcd.', { otherwise: table }),
  containerd: may(version('v2.3.7'), 'Version of containerd.', { otherwise: table }),
  runc: may(version('v1.4.3'), 'Version of runc.', { otherwise: table }),
  'cni-plugins': may(version('v1.9.1'), 'Version of the CNI plugins bridge, host-local, loopback and portmap.', {
    otherwise: table,
  }),
  'cni-plugin-flannel': may(version('v1.9.1-flannel1', PLUGIN), 'Version of the CNI plugin flannel.', {
    otherwise: table,
  }),
  flannel: may(version('v0.28.4'), 'Version of flanneld.', { otherwise: table }),
  crictl: may(version('v1.36.0'), 'Version of crictl.', { otherwise: table }),
  coredns: may(version('v1.14.2'), 'Version of the CoreDNS image.', { otherwise: table }),
  pause: may(imageVersion('3.10.2'), 'Version of the pause image, in which every pod is wrapped.', {
    otherwise: table,
  }),
  haproxy: may(
    version('v3.2.0', new RegExp(`^(?:${HOST_PROVIDED}|v(?:0|[1-9]\\d*)(?:\\.(?:0|[1-9]\\d*)){2})$`)),
    'Version of haproxy from the cache, or host for the package of the host’s own distribution.',
    { default: DEFAULTS.haproxy },
  ),
});
