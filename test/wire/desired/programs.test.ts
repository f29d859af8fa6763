import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { desired } from '../../../src/desired/desired.ts';
import type { VersionedName } from '../../../src/model/inventory.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { host, inventory } from '../../unit/desired/inventories.ts';
import { templates } from '../../unit/desired/templates.ts';
import { bin, programPath, run, textAt, versionsOf } from './binaries.ts';

/**
 * The real programs, as built for the lab, must know every flag and every key that kbin writes. Nothing is started.
 * Skipped where the artifacts are not built (scripts/demo builds them).
 */
const scratch = mkdtempSync(join(tmpdir(), 'kbin-programs-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Resources of a host with the program in this version; several control planes, so that all flags are there. */
function resourcesWith(component: VersionedName, version: string): Resource[] {
  const hosts = [host('a', '10.0.0.1'), host('b', '10.0.0.2')];
  const versions = { ...inventory([]).versions, [component]: version };
  return desired(inventory(hosts, { versions }), templates).hosts['a'] ?? [];
}

const PROGRAMS: readonly { component: VersionedName; name: string; unit?: string }[] = [
  { component: 'etcd', name: 'etcd' },
  { component: 'containerd', name: 'containerd' },
  { component: 'kubernetes', name: 'kube-apiserver' },
  { component: 'kubernetes', name: 'kube-controller-manager' },
  { component: 'kubernetes', name: 'kube-scheduler' },
  { component: 'kubernetes', name: 'kubelet' },
  { component: 'kubernetes', name: 'kube-proxy' },
  { component: 'flannel', name: 'flanneld' },
];

const built = PROGRAMS.flatMap((row) => versionsOf(row.component).map((version) => ({ ...row, version }))).filter(
  (row) => existsSync(programPath(row.component, row.version, row.name)),
);

if (built.length === 0) {
  test.skip(`no artifacts in ${bin}: the real programs were not asked`, () => undefined);
}

for (const { component, name, version } of built) {
  test(`${name} ${version} knows every flag that kbin sets`, () => {
    const unit = textAt(resourcesWith(component, version), `/etc/systemd/system/${name}.service`);
    const flags = [...unit.matchAll(/^ {2}"?(--[\w.-]+)=/gm)].map(([, flag]) => flag ?? '');
    expect(flags.length).toBeGreaterThan(0);
    const help = run(programPath(component, version, name), ['--help']).output;
    // flanneld's help (Go's own flag package) writes one dash.
    const known = new Set([...help.matchAll(/^\s*(?:-\w, )?--?([\w.-]+)/gm)].map(([, flag]) => `--${flag ?? ''}`));
    expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
  });
}

for (const version of versionsOf('containerd')) {
  test(`containerd ${version} reads its configuration as kbin means it`, () => {
    const text = textAt(resourcesWith('containerd', version), '/etc/containerd/config.toml');
    const file = join(scratch, `containerd-${version}.toml`);
    writeFileSync(file, text);
    const { status, output } = run(programPath('containerd', version, 'containerd'), [
      '--config',
      file,
      'config',
      'dump',
    ]);
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining("sandbox = 'registry.k8s.io/pause:3.10.2'"),
    });
    expect(output).toContain('SystemdCgroup = true');
    expect(output).toContain("BinaryName = '/usr/local/bin/runc'");
    expect(output).toContain("config_path = '/etc/containerd/certs.d'");
    expect(output).toContain("bin_dirs = ['/opt/cni/bin']");
    // containerd 2.3 writes version 4 itself, and reads 3, which 2.0 to 2.2 need.
    expect(output.replace(/.*Configuration migrated from version 3.*/, '')).not.toMatch(/level=(warning|error)/);
  });
}

/** The scheduler reads what its kubeconfig names before it writes; certificates are none of this test's business. */
const ANYWHERE = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'x', context: { cluster: 'x', user: '' } }],
  'current-context': 'x',
});

/** Both read the file strictly, write it back with all defaults, and exit. */
const WRITERS = [
  { name: 'kube-scheduler', file: '/etc/kubernetes/scheduler.yaml', key: 'enableProfiling', value: false },
  { name: 'kube-proxy', file: '/etc/kubernetes/kube-proxy.yaml', key: 'mode', value: 'nftables' },
] as const;

for (const version of versionsOf('kubernetes')) {
  test.each(WRITERS)(`$name ${version} reads its configuration strictly`, ({ name, file, key, value }) => {
    const written = join(scratch, `${name}-${version}-out.yaml`);
    const config = join(scratch, `${name}-${version}-${basename(file)}`);
    const kubeconfig = join(scratch, `${name}.conf`);
    const resources = resourcesWith('kubernetes', version);
    writeFileSync(kubeconfig, ANYWHERE);
    writeFileSync(config, textAt(resources, file).replace(/\/etc\/kubernetes\/[\w-]+\.conf/, kubeconfig));
    const { output } = run(programPath('kubernetes', version, name), [
      `--config=${config}`,
      `--write-config-to=${written}`,
    ]);
    expect({ output, exists: existsSync(written) }).toEqual({ output: expect.any(String), exists: true });
    expect((load(readFileSync(written, 'utf8')) as Record<string, unknown>)[key]).toBe(value);
    expect(output).not.toMatch(/strict decoding|unknown field|deprecated/i);
  });
}
