import { createPrivateKey } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertSpec, SeenCertificate } from '../../src/model/pki.ts';
import { seenCertificate } from '../../src/pki/certificate.ts';
import { issueCertificate, issuerFrom } from '../../src/pki/issue.ts';
import { newKeyPair, privatePem } from '../../src/pki/keys.ts';
import type { Lab } from './lab.ts';

const DAY = 86_400_000;
const AUTHORITIES = ['ca', 'etcd-ca', 'front-proxy-ca', 'kubelet-signer'];
/** Where the files are put on a machine before they replace those that are there. */
const STAGE = '/run/kbin-expired';

interface PairTexts {
  crt: string;
  key: string;
}

/** The same certificate with a key of its own, but issued 400 days ago for one year. */
async function expired(store: string, seen: SeenCertificate, authority: string): Promise<PairTexts> {
  const keys = await newKeyPair('ECDSA-P256');
  const spec: CertSpec = { ...seen, name: 'expired', algorithm: 'ECDSA-P256', days: 365 };
  // The clock is the box's and cannot be moved, so the authority has to be older than it is.
  const [pem, key] = await Promise.all(
    ['crt', 'key'].map((end) => readFile(join(store, `${authority}.${end}`), 'utf8')),
  );
  const issuer = { ...issuerFrom(authority, pem ?? '', createPrivateKey(key ?? '')), notBefore: 0 };
  const crt = issueCertificate(spec, keys, { issuer, now: Date.now() - 400 * DAY });
  return { crt, key: privatePem(keys.privateKey) };
}

async function writePair(stem: string, { crt, key }: PairTexts): Promise<void> {
  await writeFile(`${stem}.crt`, crt, { mode: 0o600 });
  await writeFile(`${stem}.key`, key, { mode: 0o600 });
}

/** Certificates of a folder of the store that are no authorities. */
async function leavesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.crt')).map((name) => name.slice(0, -4));
  return names.filter((name) => !AUTHORITIES.includes(name));
}

/** Puts expired pairs into the places of those in the store. */
async function expireStore(store: string, nodes: readonly string[]): Promise<void> {
  const authorities = new Map<string, string>();
  for (const name of AUTHORITIES) {
    authorities.set(seenCertificate(await readFile(join(store, `${name}.crt`), 'utf8')).keyId, name);
  }
  for (const folder of [store, ...nodes.map((node) => join(store, 'hosts', node))]) {
    for (const name of await leavesIn(folder)) {
      const seen = seenCertificate(await readFile(join(folder, `${name}.crt`), 'utf8'));
      await writePair(join(folder, name), await expired(store, seen, authorities.get(seen.issuerKeyId) ?? ''));
    }
  }
}

/** Run on a machine: every pair is overwritten. */
const TAKE_OVER = `set -e
cd ${STAGE}
for crt in *.crt; do
  row=\${crt%.crt} pair=/etc/kubernetes/pki/$row
  case $row in etcd-*) pair=/etc/etcd/pki/\${row#etcd-};; esac
  cat "$row.crt" >"$pair/tls.crt"
  cat "$row.key" >"$pair/tls.key"
done
if [ -f own.pem ]; then
  mkdir -p /var/lib/kubelet/pki
  cp own.pem /var/lib/kubelet/pki/kubelet-client-expired.pem
  ln -sfn /var/lib/kubelet/pki/kubelet-client-expired.pem /var/lib/kubelet/pki/kubelet-client-current.pem
fi
rm -r ${STAGE}`;

const RESTART =
  'systemctl restart --no-block etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy flanneld';

export interface Expiry {
  cluster: string;
  nodes: readonly string[];
  /** Whose kubelets have a certificate that the cluster signed; the others still use kbin's. */
  own: readonly string[];
  /** As after a power cut; otherwise programs go on with what they have, and with connections that are open. */
  isRestarted: boolean;
}

/**
 * Lets every certificate of a cluster be expired, in the store and on its machines, as if nobody had looked after it for
 * more than a year.
 */
export async function expireEverything(lab: Lab, { cluster, nodes, own, isRestarted }: Expiry): Promise<void> {
  const store = join(lab.home, 'clusters', cluster, 'pki');
  await expireStore(store, nodes);
  for (const node of nodes) {
    const stage = join(lab.home, 'expired', node);
    await mkdir(stage, { recursive: true });
    for (const name of await leavesIn(join(store, 'hosts', node))) {
      for (const end of ['crt', 'key']) {
        await writeFile(join(stage, `${name}.${end}`), await readFile(join(store, 'hosts', node, `${name}.${end}`)));
      }
    }
    if (own.includes(node)) {
      const client = seenCertificate(await readFile(join(store, 'hosts', node, 'kubelet.crt'), 'utf8'));
      const { crt, key } = await expired(store, client, 'kubelet-signer');
      await writeFile(join(stage, 'own.pem'), `${crt}${key}`, { mode: 0o600 });
    }
    const scp = ['scp', '-q', '-r', '-F', `/run/kbin-lab/${lab.name}/ssh_config`, stage, `${node}:${STAGE}`];
    lab.must(await lab.script('exec', '--', ...scp));
    lab.must(await lab.ssh(node, isRestarted ? `${TAKE_OVER}\n${RESTART}` : TAKE_OVER));
  }
}
