import type { CertificateRow } from '../../model/certificateRow.ts';
import type { HostName } from '../../model/inventory.ts';
import { comparedWith, foundRow, issuerOf, specOf, type Ground } from './ground.ts';
import { isUnseen, type WireSight } from './sight.ts';

/** What a listener presents, beside what the store holds for it. */
export function wireRow(
  ground: Ground,
  host: HostName,
  { listener, row, signer, address, seen }: WireSight,
): CertificateRow {
  const place = { name: row, host, place: 'wire' as const, at: `${listener} at ${address}` };
  if (isUnseen(seen)) return { ...place, found: null, unseen: seen, disagreements: [] };
  const { certificate } = seen;
  if (signer !== undefined) {
    return foundRow(place, certificate, { now: ground.now, disagreements: issuerOf(ground, certificate, [signer]) });
  }
  const name = `${row}@${host}`;
  const stored = ground.stored[name];
  const compared = comparedWith(stored, certificate);
  const ca = specOf(ground, name)?.ca;
  // What is unknown has its issuer told with it.
  const isKnown = compared.every(({ code }) => code !== 'unknown');
  // A handshake tells the first certificate only; what follows the store's own follows it here.
  const chain = compared.length === 0 && stored?.chainKeyIds !== undefined ? { chainKeyIds: stored.chainKeyIds } : {};
  const signed = { ...certificate, ...chain };
  const disagreements = [...compared, ...(isKnown && ca !== undefined ? issuerOf(ground, signed, [ca]) : [])];
  return foundRow(place, certificate, { now: ground.now, disagreements });
}
