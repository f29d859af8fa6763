import { join } from 'node:path/posix';
import { PLACES } from '../catalog/places.ts';
import type { JsonObject } from '../model/inventory.ts';
import type { ArtifactRef, Image, Resource } from '../model/resource.ts';
import { overrideOf, type Context } from './context.ts';
import { flagsOf, flagWords } from './flags.ts';
import { merged } from './merge.ts';
import { program, programs } from './programs.ts';
import { directory, textFile } from './resources.ts';
import { service } from './service.ts';
import { isAtLeast } from './versions.ts';

export const CONTAINERD_SOCKET = 'unix:///run/containerd/containerd.sock';
const REGISTRIES = join(PLACES.containerdConfig, 'certs.d');

/** config.toml, version 3 of its format (containerd 2.0 and later). Source: containerd's docs/cri/config.md. */
function containerdConfig(context: Context): JsonObject {
  const { inventory } = context;
  const binDir = isAtLeast(inventory.versions.containerd, '2.1')
    ? { bin_dirs: [PLACES.cniBin] }
    : { bin_dir: PLACES.cniBin };
  return {
    version: 3,
    root: '/var/lib/containerd',
    state: '/run/containerd',
    plugins: {
      'io.containerd.cri.v1.images': {
        // Pinned images survive the kubelet's image garbage collection, which offline would be for good.
        pinned_images: { sandbox: inventory.images.pause },
        registry: { config_path: REGISTRIES },
      },
      'io.containerd.cri.v1.runtime': {
        cni: { ...binDir, conf_dir: PLACES.cniConfig },
        containerd: {
          default_runtime_name: 'runc',
          runtimes: {
            runc: {
              runtime_type: 'io.containerd.runc.v2',
              options: { BinaryName: program(context, 'runc', 'runc').link, SystemdCgroup: true },
            },
          },
        },
      },
    },
  };
}

const image = ({ host }: Context, what: Pick<ArtifactRef, 'component' | 'version'>, reference: string): Image => ({
  id: `image:${reference}`,
  kind: 'image',
  phase: 'runtime',
  artifact: { type: 'image', ...what, arch: host.arch, name: reference },
  reference,
});

/** Tag of `registry:5000/name:tag`. */
const tagOf = (reference: string): string => /:([^/:@]+)(@.*)?$/.exec(reference)?.[1] ?? 'latest';

function images(context: Context): Image[] {
  const { images: references, versions } = context.inventory;
  return [
    image(context, { component: 'pause', version: versions.pause }, references.pause),
    image(context, { component: 'coredns', version: versions.coredns }, references.coredns),
    ...(references.smoke === 'none'
      ? []
      : [image(context, { component: 'smoke', version: tagOf(references.smoke) }, references.smoke)]),
  ];
}

function cniPrograms(context: Context): Resource[] {
  const { cni } = context.inventory.network;
  return [
    ...programs(context, 'cni-plugins', 'runtime'),
    ...(cni.name === 'flannel' ? programs(context, 'cni-plugin-flannel', 'runtime') : []),
  ];
}

/** containerd, runc, CNI plugins, crictl, and the images that a cluster without a registry needs. */
export function containerdResources(context: Context): Resource[] {
  const { inventory } = context;
  const containerd = program(context, 'containerd', 'containerd');
  const configPath = join(PLACES.containerdConfig, 'config.toml');
  const config = textFile(
    'runtime',
    configPath,
    context.write.toml(merged(containerdConfig(context), overrideOf(context, 'containerd').config)),
  );
  const crictl = { 'image-endpoint': CONTAINERD_SOCKET, 'runtime-endpoint': CONTAINERD_SOCKET, timeout: 10 };
  return [
    directory('runtime', PLACES.containerdConfig, '0755'),
    directory('runtime', REGISTRIES, '0755'),
    directory('runtime', PLACES.cniBin, '0755'),
    directory('runtime', PLACES.cniConfig, '0755'),
    ...programs(context, 'containerd', 'runtime'),
    ...programs(context, 'runc', 'runtime'),
    ...programs(context, 'crictl', 'runtime'),
    ...cniPrograms(context),
    config,
    textFile('runtime', '/etc/crictl.yaml', context.write.yaml(crictl)),
    ...service(context, {
      component: 'containerd',
      phase: 'runtime',
      template: 'containerd/containerd.service.hbs',
      words: [containerd.link, ...flagWords(flagsOf(context, 'containerd', { config: configPath }))],
      // containerd looks for its shim, and the shim for runc, in PATH.
      environment: { PATH: `${inventory.binDir}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` },
      restartsOn: [config.id, containerd.id],
    }),
    ...images(context),
  ];
}
