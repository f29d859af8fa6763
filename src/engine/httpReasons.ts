import { isNativeError } from 'node:util/types';
import { printable } from '../model/plainText.ts';

/** In people's words; anything else is told by its own message. Codes of node:net, of OpenSSL and of node's HTTP parser. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed without an answer',
  EPIPE: 'connection closed without an answer',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet (compare the clocks)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of another authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is of another authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of another authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of another authority',
  CERT_SIGNATURE_FAILURE: 'its certificate is of another authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust our certificate',
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: 'it does not trust our certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it refuses our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate has expired for it (compare the clocks)',
};

/** RFC 4254 section 5.1: why sshd opened no stream. For the second it tells the system's words. */
const CHANNEL_PROHIBITED = 1;
const CHANNEL_CONNECT_FAILED = 2;

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').replace(/\.$/, '');

function channelReason(reason: unknown, message: string): string | undefined {
  if (reason === CHANNEL_PROHIBITED) return 'sshd forbids forwarding (AllowTcpForwarding)';
  if (reason !== CHANNEL_CONNECT_FAILED) return undefined;
  const words = firstLine(printable(message)).split(': ').at(-1) ?? '';
  return words === '' ? 'cannot connect' : words.charAt(0).toLowerCase() + words.slice(1);
}

/** Why there is no answer, in a few words for a line beside the host's name; decided on codes, never on prose. */
export function reasonOf(error: unknown): string {
  if (!isNativeError(error)) return firstLine(printable(String(error)));
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code === 'string') {
    if (REASONS[code] !== undefined) return REASONS[code];
    if (code.startsWith('HPE_')) return 'it does not speak HTTP';
  }
  const words = channelReason(reason, error.message);
  if (words !== undefined) return words;
  return isNativeError(error.cause) ? reasonOf(error.cause) : firstLine(printable(error.message));
}
