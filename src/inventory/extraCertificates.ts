import type { ExtraCertificate } from '../model/inventory.ts';
import { DEFAULTS } from './defaults.ts';
import type { Draft } from './schema/cluster.ts';

/** Certificates beside those that the cluster needs, with their defaults. */
export const extraCertificates = ({ certificates }: Draft): ExtraCertificate[] =>
  (certificates?.extra ?? []).map(
    ({ sans = [], sanRules = [], organizations = [], per = 'cluster', days, ...extra }) => ({
      ...extra,
      organizations,
      names: sans,
      rules: sanRules,
      per,
      days: days ?? certificates?.leafDays ?? DEFAULTS.certificates.leafDays,
    }),
  );
