import type { Entry } from '../entry.ts';

/** Commands of `kbin certs`, in the order of --help. */
export const CERTS: readonly Entry[] = [
  { words: 'certs list', load: async () => (await import('./list.ts')).listCertificatesCommand },
  { words: 'certs renew', load: async () => (await import('./renew.ts')).renew },
  { words: 'certs rotate-ca', load: async () => (await import('./rotate.ts')).rotateCa },
  { words: 'certs rotate-sa', load: async () => (await import('./rotate.ts')).rotateSa },
  { words: 'certs rotate-encryption', load: async () => (await import('./rotate.ts')).rotateEncryption },
  { words: 'certs approve', load: async () => (await import('./approve.ts')).approve },
  { words: 'certs gen', load: async () => (await import('./gen.ts')).gen },
  { words: 'certs csr', load: async () => (await import('./csr.ts')).csr },
  { words: 'certs import', load: async () => (await import('./import.ts')).importCertificates },
  { words: 'certs lock', load: async () => (await import('./lock.ts')).lock },
  { words: 'certs unlock', load: async () => (await import('./unlock.ts')).unlock },
  { words: 'certs rekey', load: async () => (await import('./rekey.ts')).rekey },
  { words: 'certs backup', load: async () => (await import('./backup.ts')).backup },
  { words: 'certs restore', load: async () => (await import('./restore.ts')).restore },
];
