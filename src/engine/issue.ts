import type { Step } from '../model/plan.ts';
import type { Engine } from './engine.ts';

/** Issues what these steps name: all certificates at once, all or none, then bare key pairs and the key of stored objects. */
export async function issueCertificates({ pki, clock }: Engine, steps: readonly Step[]): Promise<void> {
  const specs = steps.flatMap(({ action }) => (action.do === 'issue' ? [action.spec] : []));
  await pki.issueAll(specs, clock.now());
  for (const { action } of steps) {
    if (action.do === 'issue-key') await pki.issueKeyPair(action.spec);
    if (action.do === 'issue-encryption') await pki.issueEncryption(action.encryption, clock.now());
  }
}
