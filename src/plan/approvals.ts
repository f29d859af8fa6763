import { servingNamesFault } from '../catalog/servingNames.ts';
import type { Step } from '../model/plan.ts';
import type { Renewed } from '../model/resource.ts';
import type { HostInput } from './need.ts';
import { renewedNeeds } from './resourceNeeds.ts';

const DAY = 86_400_000;
/** A kubelet asks for another one when 70 to 90 % of the time are over (REFERENCE 1.2): from here on it waits for approval. */
const LAST_DAYS = 30;
const LAST_PART = 0.1;

function reasonOf(renewed: Renewed, input: HostInput): string | undefined {
  const { facts, now } = input;
  const own = facts.certificates[renewed.path];
  if (own === undefined) return 'missing';
  const [taken] = renewedNeeds(renewed, input);
  if (taken !== undefined) return taken.why;
  const fault = renewed.approved === undefined ? undefined : servingNamesFault(renewed.approved, own);
  if (fault !== undefined) return `it ${fault}`;
  const left = own.notAfter - now;
  const isLast = left < Math.min(LAST_DAYS * DAY, (own.notAfter - own.notBefore) * LAST_PART);
  return isLast ? `expires in ${Math.floor(left / DAY)} days` : undefined;
}

/**
 * What kbin has to approve for the units of one host, as far as it can be foretold: the requests themselves are only
 * made when the unit runs. The gate of the phase goes on approving until the certificate is served.
 */
export const approvalSteps = (input: HostInput): Step[] =>
  input.resources.flatMap((resource): Step[] => {
    if (resource.kind !== 'renewed' || resource.approved === undefined) return [];
    const why = reasonOf(resource, input);
    if (why === undefined) return [];
    const { host } = input;
    const action = { do: 'approve', kubelet: host } as const;
    return [{ id: `api/approve:${host}`, host: 'api', phase: resource.phase, why, action }];
  });
