/** Error codes of name resolution and sockets (errno(3), getaddrinfo(3)) in words. */
const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  closed: 'connection closed',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  EHOSTDOWN: 'host is down',
  EACCES: 'forbidden by this machine',
  EPERM: 'forbidden by this machine’s firewall',
  EADDRNOTAVAIL: 'no free local port or address',
};

/** What a code means; the code itself where there are no words for it. */
export const wordsOf = (code: string): string => WORDS[code] ?? code;

/** The `code` of a system error, the first one where several addresses were tried; `closed` where there is none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'closed';
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : 'closed';
}
