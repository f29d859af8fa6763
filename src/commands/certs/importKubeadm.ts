import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { KbinError } from '../../errors.ts';
import { Secret } from '../../model/secret.ts';
import { adopt, checkDependents, checkVacancy } from '../../pki/outside/adopt.ts';
import { kubeadmDirectory } from '../../pki/outside/kubeadm.ts';
import { authorityNames, authorityWish } from '../../pki/outside/wishes.ts';
import { faultsError, say, warn, type OutsideStore } from './outsideStore.ts';

/** Authorities and ServiceAccount key of a cluster that kubeadm made; kbin issues everything else. */
export async function importKubeadm(store: OutsideStore, directory: string): Promise<number> {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new KbinError('USAGE', `--kubeadm: ${directory} is no directory`, {
      hint: 'Name a copy of /etc/kubernetes/pki of a control plane.',
    });
  // kubeadm has none for the certificates that kubelets renew: there the cluster's CA signs them itself.
  const names = authorityNames(store).filter((name) => name !== 'kubelet-signer');
  checkVacancy(store, [...names, 'sa']);
  const found = kubeadmDirectory(
    readBelow(directory),
    names.map((name) => authorityWish(name, store)),
  );
  if ('faults' in found)
    throw faultsError(
      found.faults,
      `The files are below ${directory}: it must be a whole copy of /etc/kubernetes/pki of a control plane.`,
    );
  for (const given of found.authorities) checkDependents(store, given);
  await adopt(store, found.authorities, found.serviceAccount);
  found.authorities.flatMap(({ notes }) => notes).forEach(warn);
  say(
    `Cluster ${store.inventory.cluster} has ${[...names, 'sa'].join(', ')} of ${directory}. kbin deploy issues everything else.`,
  );
  return 0;
}

const readBelow =
  (directory: string) =>
  (path: string): Secret | undefined => {
    const file = join(directory, path);
    if (statSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
    try {
      return new Secret(readFileSync(file, 'utf8'));
    } catch (cause) {
      throw new KbinError('USAGE', `${file} cannot be read: ${(cause as Error).message}`, {
        hint: 'Copy the directory so that you may read it. Nothing was written.',
        cause,
      });
    }
  };
