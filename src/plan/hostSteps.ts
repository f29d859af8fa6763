import type { Step } from '../model/plan.ts';
import type { Resource } from '../model/resource.ts';
import type { HostInput, Need } from './need.ts';
import {
  binaryNeeds,
  directoryNeeds,
  fileNeeds,
  imageNeeds,
  kernelNeeds,
  pairNeeds,
  renewedNeeds,
  userNeeds,
} from './resourceNeeds.ts';
import { unitNeeds } from './unitNeeds.ts';

/** Within a wave of one host: what others stand on comes first; images need the containerd that the wave started. */
const ORDER: readonly Resource['kind'][] = [
  'user',
  'directory',
  'host-program',
  'binary',
  'pair',
  'file',
  'kernel',
  'renewed',
  'unit',
  'image',
];

function needsOf(resource: Resource, input: HostInput): Need[] {
  switch (resource.kind) {
    case 'user':
      return userNeeds(resource, input);
    case 'directory':
      return directoryNeeds(resource, input);
    case 'file':
      return fileNeeds(resource, input);
    case 'pair':
      return pairNeeds(resource, input);
    case 'binary':
      return binaryNeeds(resource, input);
    case 'image':
      return imageNeeds(resource, input);
    case 'kernel':
      return kernelNeeds(resource, input);
    case 'renewed':
      return renewedNeeds(resource, input);
    case 'unit':
      return unitNeeds(resource, input);
    case 'host-program':
      return [];
  }
}

/** Steps that bring one host from what it is to what it should be, in the order in which they must run. */
export function hostSteps(input: HostInput): Step[] {
  const sorted = [...input.resources].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return sorted.flatMap((resource) =>
    needsOf(resource, input).map((need) => ({
      id: `${input.host}/${need.action.do}:${resource.id.slice(resource.id.indexOf(':') + 1)}`,
      host: input.host,
      phase: resource.phase,
      ...need,
    })),
  );
}
