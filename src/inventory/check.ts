import { checkEndpointPorts, checkLifetimes, checkPorts, checkRepeats } from './check/cluster.ts';
import {
  checkExtraAuthorities,
  checkExtraHosts,
  checkExtraNames,
  checkRowsOfDays,
  checkSingleLifetimes,
} from './check/certificates.ts';
import { checkOverrides } from './check/components.ts';
import type { Check, Ground } from './check/ground.ts';
import {
  checkAddresses,
  checkCount,
  checkLocal,
  checkNames,
  checkPools,
  checkRoles,
  checkTargets,
  checkUniqueAddresses,
  checkUniqueNames,
  checkUniqueTargets,
} from './check/hosts.ts';
import {
  checkAuthenticationFile,
  checkIssuerAuthorities,
  checkPolicyFile,
  checkWebhookFile,
} from './check/documents.ts';
import { checkEncryptedResources, checkKms } from './check/encryption.ts';
import { checkLabels } from './check/labels.ts';
import { checkCidrs, checkOverlap, checkPodRoom, checkReachable, checkServiceSize } from './check/network.ts';
import { checkAuditWebhook, checkConfigFile, checkIssuers, checkTls } from './check/security.ts';
import { checkKeep, checkSamePlaces, checkTargetNames, checkTargetPlaces } from './check/snapshots.ts';
import { checkPaths, checkSecrets } from './check/ssh.ts';
import { checkControlPlane, checkMembers, checkWorkers } from './check/topology.ts';
import { checkTwice } from './check/twice.ts';
import { checkMinor, checkPairs } from './check/versions.ts';
import type { Complaint } from './fault.ts';

/** Everything that can be wrong although each value by itself has the right form. */
const CHECKS: readonly Check[] = [
  checkMinor,
  checkPairs,
  checkCidrs,
  checkServiceSize,
  checkOverlap,
  checkPodRoom,
  checkReachable,
  checkPorts,
  checkLifetimes,
  checkSingleLifetimes,
  checkRowsOfDays,
  checkExtraNames,
  checkExtraHosts,
  checkExtraAuthorities,
  checkRepeats,
  checkEndpointPorts,
  checkSecrets,
  checkPaths,
  checkOverrides,
  checkTls,
  checkAuditWebhook,
  checkIssuers,
  checkConfigFile,
  checkKms,
  checkEncryptedResources,
  checkTargetNames,
  checkTargetPlaces,
  checkSamePlaces,
  checkKeep,
  checkTwice,
  checkLabels,
  checkPools,
  checkRoles,
  checkCount,
  checkNames,
  checkTargets,
  checkAddresses,
  checkUniqueNames,
  checkUniqueAddresses,
  checkUniqueTargets,
  checkLocal,
  checkMembers,
  checkControlPlane,
  checkWorkers,
];

/** Those that look into a file and tell all its faults, at the one place that names it. */
const CHECKS_OF_FILES: readonly Check[] = [
  checkPolicyFile,
  checkWebhookFile,
  checkIssuerAuthorities,
  checkAuthenticationFile,
];

/** The complaints of all checks; of one check at most one a place, since a range would repeat it for every host. */
export const complaintsAcross = (ground: Ground): Complaint[] => [
  ...CHECKS.flatMap((check) => {
    const seen = new Set<string>();
    return check(ground).filter(({ path, at }) => {
      const place = JSON.stringify([path, at]);
      if (seen.has(place)) return false;
      seen.add(place);
      return true;
    });
  }),
  ...CHECKS_OF_FILES.flatMap((check) => check(ground)),
];
