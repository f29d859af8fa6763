import { KbinError } from '../../errors.ts';
import { INVENTORY_OPTION, list, text, type Arguments, type Command } from '../command.ts';
import { importAuthority } from './importAuthority.ts';
import { importKubeadm } from './importKubeadm.ts';
import { importSigned } from './importSigned.ts';
import { openOutsideStore, type OutsideStore } from './outsideStore.ts';

const named = (describe: string) => ({ type: 'string', describe }) as const;

export const importCertificates: Command = {
  usage: 'certs import [files..]',
  describe: 'certificates that others signed, an authority of your own, or the PKI of a kubeadm cluster',
  options: {
    ...INVENTORY_OPTION,
    authority: named(
      'make this the authority of a cluster that has none yet: ca, etcd-ca, front-proxy-ca, kubelet-signer',
    ),
    cert: named('its certificate, PEM'),
    key: named('its key, PEM; without, it signs elsewhere (kbin certs csr)'),
    chain: named('certificates above it up to the root, when it does not sign itself'),
    kubeadm: named('copy of /etc/kubernetes/pki of a control plane that kubeadm made'),
  },
  run: async (args) => {
    const work = workOf(args);
    return work(await openOutsideStore(args));
  },
};

/** Which of the three it is. Throws USAGE for options that do not fit together. */
function workOf(args: Arguments): (store: OutsideStore) => Promise<number> {
  const files = list(args, 'files');
  const [authority, kubeadm] = [text(args, 'authority'), text(args, 'kubeadm')];
  const strays = ['cert', 'key', 'chain'].filter((option) => text(args, option) !== undefined);
  const ways = [files.length > 0, authority !== undefined, kubeadm !== undefined].filter(Boolean).length;
  if (ways !== 1 || (strays.length > 0 && authority === undefined)) {
    const stray = strays[0] !== undefined && authority === undefined ? `--${strays[0]} needs --authority` : undefined;
    throw new KbinError('USAGE', stray ?? 'kbin certs import takes one of three: files, --authority, --kubeadm', {
      hint: 'kbin certs import -i prod.yaml DIR; or --authority ca --cert ca.pem --key ca-key.pem; or --kubeadm DIR.',
    });
  }
  if (authority !== undefined) return (store) => importAuthority(store, args);
  if (kubeadm !== undefined) return (store) => importKubeadm(store, kubeadm);
  return (store) => importSigned(store, files);
}
