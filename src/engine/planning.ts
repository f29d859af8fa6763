import { KbinError } from '../errors.ts';
import type { Facts } from '../model/facts.ts';
import type { HostName } from '../model/inventory.ts';
import type { CertificateName, CertSpec } from '../model/pki.ts';
import type { Plan } from '../model/plan.ts';
import { certificateSpecs } from '../pki/catalog.ts';
import { issueReason } from '../pki/expiry.ts';
import { decide, type Issue } from '../plan/decide.ts';
import { firstEncryption } from '../plan/encryption.ts';
import type { Engine } from './engine.ts';

const NONE: ReadonlySet<CertificateName> = new Set();

/** A certificate that has to be issued, and by whom. */
interface CertificateNeed {
  certificate: CertSpec;
  why: string;
  /** Only somebody else can sign it. */
  isOutside: boolean;
  /** The one that is there still does what it is for. */
  isUsable: boolean;
}

/** In issuing order: authorities first. */
function certificateNeeds(engine: Engine, facts: Facts, renew: ReadonlySet<CertificateName>): CertificateNeed[] {
  const stored = facts.local.certificates;
  return certificateSpecs(engine.inventory, engine.rows).certificates.flatMap((certificate): CertificateNeed[] => {
    const issuer = certificate.ca === undefined ? undefined : stored[certificate.ca];
    const question = { spec: certificate, stored: stored[certificate.name], issuer, now: facts.observedAt };
    const isAskedFor = !certificate.isAuthority && renew.has(certificate.name);
    const why = issueReason(question) ?? (isAskedFor ? 'renewal is asked for' : null);
    if (why === null) return [];
    const isUsable = !isAskedFor && issueReason({ ...question, renewWithinDays: 0 }) === null;
    return [{ certificate, why, isOutside: issuer?.isKeyOutside === true, isUsable }];
  });
}

/** What the certificate store lacks or must replace, and kbin can issue; in issuing order. */
export function certificateIssues(engine: Engine, facts: Facts, renew = NONE): Issue[] {
  const stored = facts.local.certificates;
  const issues = certificateNeeds(engine, facts, renew).flatMap(({ certificate, why, isOutside }): Issue[] =>
    isOutside ? [] : [{ why, certificate }],
  );
  const { keyPairs } = certificateSpecs(engine.inventory, engine.rows);
  const pairs = keyPairs.flatMap((keyPair): Issue[] =>
    stored[keyPair.name] === undefined ? [{ why: 'missing', keyPair }] : [],
  );
  const encryption = firstEncryption({ ...engine, facts });
  return [...issues, ...(encryption === undefined ? [] : [{ why: 'missing', encryption }]), ...pairs];
}

const tellNeed = ({ certificate: { name, ca = '' }, why }: CertificateNeed): string =>
  `${name}, signed by ${ca}: ${why}`;

/**
 * Certificates that are due, and that only an authority outside can sign, in words; empty when there are none.
 * @throws KbinError PKI when one is so urgent that nothing can be deployed without it.
 */
export function awaitedCertificates(engine: Engine, facts: Facts, renew = NONE): string[] {
  const awaited = certificateNeeds(engine, facts, renew).filter(({ isOutside }) => isOutside);
  const urgent = awaited.filter(({ isUsable }) => !isUsable);
  if (urgent.length === 0) return awaited.map(tellNeed);
  const [count, names] = [urgent.length, new Set(urgent.map(({ certificate }) => certificate.ca ?? ''))];
  const { file } = engine.inventory;
  throw new KbinError(
    'PKI',
    `${count} ${count === 1 ? 'certificate has' : 'certificates have'} to be signed outside, where the key of ${[...names].join(' and ')} is`,
    {
      evidence: urgent.map(tellNeed),
      hint: `Write the requests (kbin certs csr -i ${file} -o DIR), have them signed, and bring the certificates back (kbin certs import -i ${file} DIR). Nothing was changed.`,
    },
  );
}

export interface PlanOptions {
  /** Hosts that may be changed; all when absent. */
  limit?: ReadonlySet<HostName>;
  /** Certificates that are issued again although nothing is wrong with them. */
  renew?: ReadonlySet<CertificateName>;
}

/** The plan for what was observed. Pure but for the arguments it takes out of the engine. */
export function planFor(engine: Engine, facts: Facts, { limit, renew }: PlanOptions = {}): Plan {
  const issues = certificateIssues(engine, facts, renew);
  return decide({
    inventory: engine.inventory,
    desired: engine.desired,
    issues,
    facts,
    ...(limit === undefined ? {} : { limit }),
  });
}
