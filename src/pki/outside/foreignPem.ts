import { toPem } from '../pem.ts';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\n([\s\S]*?)\n-----END \1-----/g;

/**
 * The certificates of a text from elsewhere, each as kbin writes PEM: other line ends, columns and texts around them do
 * not matter. Throws an Error when there is none, when one is cut off, and for a private key beside them.
 */
export function certificatesOf(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n');
  const blocks = [...lines.matchAll(BLOCK)];
  const begun = lines.match(/^-----BEGIN [A-Z0-9 ]+-----$/gm) ?? [];
  if (begun.length > blocks.length) throw new Error('is cut off: a PEM block does not end');
  const labels = blocks.map(([, label = '']) => label);
  if (labels.some((label) => label.endsWith('PRIVATE KEY')))
    throw new Error('holds a private key, not certificates alone');
  const certificates = blocks.filter(([, label = '']) => CERTIFICATE_LABELS.includes(label));
  if (certificates.length === 0) throw new Error(`holds no certificate${insteadOf(text, labels)}`);
  return certificates.map(([, , body = '']) => canonical(body));
}

const CERTIFICATE_LABELS = ['CERTIFICATE', 'X509 CERTIFICATE'];

function canonical(body: string): string {
  const base64 = body.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new Error('holds a PEM block that is not base64');
  return toPem('CERTIFICATE', Buffer.from(base64, 'base64'));
}

/** What it is instead, and how it becomes PEM. */
function insteadOf(text: string, labels: readonly string[]): string {
  if (labels.some((label) => label === 'PKCS7' || label === 'CMS'))
    return ', but PKCS#7: openssl pkcs7 -print_certs -in FILE makes PEM of it';
  if (labels.length > 0) return ` but ${labels.join(', ')}`;
  return text.includes('\u0000') || text.includes('\uFFFD')
    ? '; of DER, openssl x509 -inform der -in FILE makes PEM'
    : '';
}
