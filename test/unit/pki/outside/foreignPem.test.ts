import { certificatesOf } from '../../../../src/pki/outside/foreignPem.ts';

const block = (label: string, body = 'AAECAwQF'): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const PEM = block('CERTIFICATE');

test.each([
  ['as kbin writes it', PEM, [PEM]],
  ['several', `${PEM}${block('CERTIFICATE', 'BgcI')}`, [PEM, block('CERTIFICATE', 'BgcI')]],
  ['with other line ends', PEM.replaceAll('\n', '\r\n'), [PEM]],
  ['with other columns', block('CERTIFICATE', 'AAEC\nAwQF'), [PEM]],
  ['with text around it', `Bag Attributes\n  friendlyName: x\n${PEM}\nfin`, [PEM]],
  ['without a line end', PEM.trimEnd(), [PEM]],
  ['of another label for the same', block('X509 CERTIFICATE'), [PEM]],
  ['beside parameters', `${block('EC PARAMETERS')}${PEM}`, [PEM]],
])('certificates %s', (_, text, expected) => {
  expect(certificatesOf(text)).toEqual(expected);
});

test.each([
  ['nothing', '', 'holds no certificate'],
  ['text', 'certificate', 'holds no certificate'],
  ['a request', block('CERTIFICATE REQUEST'), 'holds no certificate but CERTIFICATE REQUEST'],
  ['PKCS#7', block('PKCS7'), 'holds no certificate, but PKCS#7: openssl pkcs7 -print_certs -in FILE makes PEM of it'],
  ['DER', '0\u0082\u0001\u0000\u0000', 'holds no certificate; of DER, openssl x509 -inform der -in FILE makes PEM'],
  ['half of one', PEM.slice(0, 40), 'is cut off: a PEM block does not end'],
  ['half of the second', `${PEM}${PEM.slice(0, 40)}`, 'is cut off: a PEM block does not end'],
  ['a key', block('PRIVATE KEY'), 'holds a private key, not certificates alone'],
  ['a key beside it', `${PEM}${block('EC PRIVATE KEY')}`, 'holds a private key, not certificates alone'],
  ['no base64', block('CERTIFICATE', '{}'), 'holds a PEM block that is not base64'],
])('refused: %s', (_, text, message) => {
  expect(() => certificatesOf(text)).toThrow(new Error(message));
});
