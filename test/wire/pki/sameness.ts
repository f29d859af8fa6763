import { certInfo, comparable, comparableRequest, file, keyKind, type Made, openssl, type Signer } from './programs.ts';

const MINUTES = 3 * 60_000;

export function expectSame(ours: Made, theirs: Made): void {
  expect(comparable(ours.cert)).toBe(comparable(theirs.cert));
  expect(comparableRequest(ours.csr)).toBe(comparableRequest(theirs.csr));
  expect(keyKind(ours.key)).toBe(keyKind(theirs.key));
  expect(ours.key.split('\n')[0]).toBe(theirs.key.split('\n')[0]);
  const [own, other] = [ours, theirs].map(({ cert }) => {
    const { serial_number, subject_key_id, not_before, not_after, pem, ...rest } = certInfo(cert);
    expect([serial_number, subject_key_id, pem]).not.toContain(undefined);
    return { rest, times: [not_before, not_after].map(Date.parse) };
  });
  expect(own?.rest).toEqual(other?.rest);
  for (const [index, time] of (own?.times ?? []).entries())
    expect(Math.abs(time - (other?.times[index] ?? 0))).toBeLessThanOrEqual(MINUTES);
}

const hostsOf = (request: object): string[] => (request as { hosts?: string[] }).hosts ?? [];

/** OpenSSL, told to be strict, takes it for what it is, by each of its names. */
export function expectValid({ cert, key }: Made, { ca }: Signer, request: object): void {
  const path = file(cert);
  expect(openssl('verify', '-x509_strict', '-CAfile', ca, path)).toBe(`${path}: OK\n`);
  expect(openssl('pkey', '-in', file(key), '-pubout')).toBe(openssl('x509', '-in', path, '-noout', '-pubkey'));
  if (comparable(cert).includes('CA:TRUE')) return;
  for (const host of hostsOf(request).filter((name) => !name.includes('@'))) {
    const isAddress = /^[0-9.]+$|:/.test(host);
    const wanted = host.replace('*', 'any').replace('::ffff:', '');
    const answer = openssl('x509', '-in', path, '-noout', isAddress ? '-checkip' : '-checkhost', wanted);
    expect(answer).toMatch(/does match certificate/);
  }
}
