import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { Plan } from '../model/plan.ts';
import { certificateSpecs } from '../pki/catalog.ts';
import { issueReason } from '../pki/expiry.ts';
import { decide, type Issue } from '../plan/decide.ts';
import type { Engine } from './engine.ts';

/** What the certificate store lacks or must replace, in issuing order: authorities first. */
export function certificateIssues(engine: Engine, facts: Facts): Issue[] {
  const { certificates, keyPairs } = certificateSpecs(engine.inventory, engine.rows);
  const stored = facts.local.certificates;
  const now = facts.observedAt;
  const issues = certificates.flatMap((certificate): Issue[] => {
    const issuer = certificate.ca === undefined ? undefined : stored[certificate.ca];
    const why = issueReason({ spec: certificate, stored: stored[certificate.name], issuer, now });
    return why === null ? [] : [{ why, certificate }];
  });
  const pairs = keyPairs.flatMap((keyPair): Issue[] =>
    stored[keyPair.name] === undefined ? [{ why: 'missing', keyPair }] : [],
  );
  return [...issues, ...pairs];
}

/** The plan for what was observed. Pure but for the arguments it takes out of the engine. */
export function planFor(engine: Engine, facts: Facts, limit?: ReadonlySet<HostName>): Plan {
  const issues = certificateIssues(engine, facts);
  return decide({
    inventory: engine.inventory,
    desired: engine.desired,
    issues,
    facts,
    ...(limit === undefined ? {} : { limit }),
  });
}
