import { jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { certificatesScript, parseCertificates, type CertificatesAnswer } from '../../../src/remote/certificates.ts';
import { sha } from './steps.ts';
import { OWNER, removeSandboxes, sandbox, SHELLS, type Sandbox } from './sandbox.ts';

// Dozens of processes a test; on a loaded machine each takes its time.
jest.setTimeout(60_000);
afterEach(removeSandboxes);

/** A private key's base64 must be nowhere in what a host says. */
const POISON = 'PoIsOn+KEY/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR';
const pem = (text: string, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
const key = pem(POISON, 'PRIVATE KEY');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function look(
  box: Sandbox,
  files: readonly string[] = [],
  shell: readonly string[] = ['sh'],
): Promise<CertificatesAnswer & { stdout: string }> {
  const { exitCode, stdout, stderr } = await box.run(certificatesScript({ files }), { shell });
  expect([exitCode, stderr]).toEqual([0, '']);
  for (const text of [POISON.slice(0, 40), base64(POISON).slice(2, 40), base64(key)])
    expect(stdout).not.toContain(text);
  return { ...parseCertificates(stdout), stdout };
}

/** A host as kbin leaves it, with what a kubelet and an administrator add. */
function host(): Sandbox {
  const box = sandbox();
  box.write('/etc/kubernetes/pki/ca.crt', pem('CA1') + pem('CA2'));
  box.write('/etc/kubernetes/pki/.pairs/apiserver.1/tls.crt', pem('APISERVER\nLINE2='), 0o600);
  box.write('/etc/kubernetes/pki/.pairs/apiserver.1/tls.key', key, 0o600);
  box.write('/etc/kubernetes/pki/.pairs/apiserver.0/tls.crt', pem('BEFORE'), 0o600);
  symlinkSync('.pairs/apiserver.1', box.at('/etc/kubernetes/pki/apiserver'));
  box.write('/etc/kubernetes/pki/sa.key', key, 0o600);
  box.write('/var/lib/kubelet/pki/kubelet-client-2026-11-20.pem', pem('KUBELET') + key, 0o600);
  symlinkSync('kubelet-client-2026-11-20.pem', box.at('/var/lib/kubelet/pki/kubelet-client-current.pem'));
  return box;
}

describe.each(SHELLS)('$name', ({ argv }) => {
  test('tells every certificate, who may read its key, and the hash of the key, but no key', async () => {
    const { files, keys, withKeys, certificates } = await look(host(), [], argv);
    expect(certificates).toEqual([
      { path: '/etc/kubernetes/pki/ca.crt', pem: pem('CA1') },
      { path: '/etc/kubernetes/pki/ca.crt', pem: pem('CA2') },
      { path: '/etc/kubernetes/pki/apiserver/tls.crt', pem: pem('APISERVER\nLINE2=') },
      { path: '/var/lib/kubelet/pki/kubelet-client-current.pem', pem: pem('KUBELET') },
    ]);
    expect(files).toEqual({
      '/etc/kubernetes/pki/ca.crt': { mode: '0644', owner: OWNER },
      '/etc/kubernetes/pki/apiserver/tls.crt': { mode: '0600', owner: OWNER },
      '/etc/kubernetes/pki/apiserver/tls.key': { mode: '0600', owner: OWNER },
      '/var/lib/kubelet/pki/kubelet-client-current.pem': { mode: '0600', owner: OWNER },
    });
    expect(keys).toEqual({ '/etc/kubernetes/pki/apiserver/tls.key': sha(key) });
    expect(withKeys).toEqual(['/var/lib/kubelet/pki/kubelet-client-current.pem']);
  });

  test.each([
    [
      'as kubectl writes it',
      `users:\n- name: a\n  user:\n    client-certificate-data: ${base64(pem('ADMIN'))}\n    client-key-data: ${base64(key)}\n`,
    ],
    [
      'as one line of JSON',
      JSON.stringify({
        users: [{ user: { 'client-key-data': base64(key), 'client-certificate-data': base64(pem('ADMIN')) } }],
      }),
    ],
    [
      'in flow style',
      `users: [{name: a, user: {client-certificate-data: '${base64(pem('ADMIN'))}', client-key-data: ${base64(key)}}}]\n`,
    ],
  ])('a kubeconfig %s', async (_, text) => {
    const box = sandbox();
    box.write('/etc/kubernetes/admin.conf', text, 0o640);
    const { embedded, files, withKeys, named } = await look(box, [], argv);
    const path = '/etc/kubernetes/admin.conf';
    expect(embedded).toEqual([{ path, field: 'client-certificate', base64: base64(pem('ADMIN')) }]);
    expect([files, withKeys, named]).toEqual([{ [path]: { mode: '0640', owner: OWNER } }, [path], []]);
  });

  test('a kubeconfig that names files takes them in, wherever they lie, and says which are gone', async () => {
    const box = sandbox();
    box.write('/srv/client.crt', pem('CLIENT'));
    box.write('/etc/kubernetes/etc/ca.pem', pem('CA'));
    box.write(
      '/etc/kubernetes/x.conf',
      'certificate-authority: etc/ca.pem\nclient-certificate: "/srv/client.crt"\nclient-key: /srv/client.key\n',
    );
    box.write('/root/.kube/config', 'client-certificate: /gone.crt\n');
    const { named, certificates } = await look(box, [], argv);
    expect(named).toEqual([
      { path: '/etc/kubernetes/etc/ca.pem', by: '/etc/kubernetes/x.conf' },
      { path: '/srv/client.crt', by: '/etc/kubernetes/x.conf' },
      { path: '/gone.crt', by: '/root/.kube/config' },
    ]);
    expect(certificates.map(({ path }) => path)).toEqual(['/etc/kubernetes/etc/ca.pem', '/srv/client.crt']);
  });

  test('a certificate that does not end takes nothing of a key with it', async () => {
    const box = sandbox();
    box.write('/etc/kubernetes/pki/a.crt', '-----BEGIN CERTIFICATE-----\nHALF\n');
    box.write('/etc/kubernetes/pki/b.crt', `${POISON.slice(0, 64)}\n${key}${pem('WHOLE')}${POISON}\n`);
    box.write('/etc/kubernetes/pki/c.crt', `-----BEGIN CERTIFICATE-----\nHALF\n${key}`);
    const { certificates, files } = await look(box, [], argv);
    expect(certificates).toEqual([{ path: '/etc/kubernetes/pki/b.crt', pem: pem('WHOLE') }]);
    expect(Object.keys(files)).toHaveLength(3);
  });

  test('a field that holds a key beside its certificate is not told, wherever the key begins', async () => {
    const box = sandbox();
    for (const [index, before] of ['', 'x', 'xy'].entries()) {
      // No second line with the words: they stand there at one place only.
      const data = base64(`${before}${pem('CLIENT')}-----BEGIN PRIVATE KEY-----\n${POISON}`);
      box.write(`/etc/kubernetes/${index}.conf`, `client-certificate-data: ${data}\n`);
    }
    expect((await look(box, [], argv)).embedded).toEqual([]);
  });

  test('line ends of Windows, odd names, binary files and nothing at all', async () => {
    const box = sandbox();
    expect(await look(box, ['/nowhere.crt'], argv)).toMatchObject({ files: {}, certificates: [], named: [], keys: {} });
    box.write('/etc/kubernetes/pki/dos.crt', pem('DOS').replaceAll('\n', '\r\n'));
    box.write("/etc/kubernetes/pki/it's a $(file).crt", pem('ODD'));
    box.write('/etc/kubernetes/pki/der.crt', Buffer.from([0, 1, 2, 10, 0, 255]));
    box.write('/etc/kubernetes/pki/c:d.crt', pem('COLON'));
    box.write('/etc/kubernetes/c:d.conf', 'client-certificate: /srv/more.crt\n');
    box.write('/srv/more [1].crt', pem('MORE'));
    mkdirSync(box.at('/etc/kubernetes/pki/folder.crt'));
    const { certificates, files } = await look(box, ['/srv/more [1].crt', '/etc/kubernetes/pki/dos.crt'], argv);
    expect(certificates).toEqual([
      { path: '/etc/kubernetes/pki/dos.crt', pem: pem('DOS') },
      { path: "/etc/kubernetes/pki/it's a $(file).crt", pem: pem('ODD') },
      { path: '/srv/more [1].crt', pem: pem('MORE') },
    ]);
    expect(Object.keys(files)).toContain('/etc/kubernetes/pki/der.crt');
    expect(Object.keys(files)).not.toContain('/etc/kubernetes/pki/folder.crt');
  });
});

test('the places of kubeadm and of kbin’s etcd', async () => {
  const box = sandbox();
  const paths = [
    ...['/etc/kubernetes/pki/etcd/ca.crt', '/etc/kubernetes/pki/etcd/peer.crt', '/etc/kubernetes/pki/apiserver.crt'],
    ...['/etc/etcd/pki/ca.crt', '/etc/etcd/pki/server/tls.crt', '/var/lib/kubelet/pki/kubelet.crt'],
    '/var/lib/kubelet/pki/kubelet-server-current.pem',
  ];
  for (const path of paths) box.write(path, pem('X'));
  const { certificates } = await look(box);
  expect(certificates.map(({ path }) => path).sort()).toEqual(paths.sort());
});

test('an answer that is cut off is refused', async () => {
  const { stdout } = await look(host());
  for (const cut of ['', stdout.slice(0, -3), stdout.replace('%files', '%elsewhere')]) {
    expect(() => parseCertificates(cut)).toThrow(/malformed/);
  }
});

test('the number of processes does not grow with the number of files', async () => {
  const box = host();
  for (let index = 0; index < 40; index += 1) box.write(`/etc/kubernetes/pki/more-${index}/tls.crt`, pem(`C${index}`));
  box.write('/etc/kubernetes/kubelet.conf', 'client-certificate: /etc/kubernetes/pki/apiserver/tls.crt\n');
  for (const name of ['grep', 'sed', 'stat', 'sha256sum', 'cat', 'ls']) {
    const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    box.recorder(name, `exec ${real} "$@"`);
    chmodSync(`${box.bin}/${name}`, 0o755);
  }
  expect((await look(box)).certificates).toHaveLength(44);
  expect(box.calls().filter((line) => /^(grep|sed|stat|sha256sum) /.test(line)).length).toBeLessThanOrEqual(7);
});
