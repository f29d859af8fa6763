/** PEM with 64 columns. */
export const toPem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;

/** The one block of a PEM text. Throws an Error, which never quotes the text, unless it is exactly one of these labels. */
export function fromPem<Label extends string>(pem: string, labels: readonly Label[]): { label: Label; der: Buffer } {
  const [block, another] = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\r\n]+)\n-----END \1-----\n/g);
  const label = labels.find((known) => known === block?.[1]);
  if (block?.[2] === undefined || label === undefined)
    throw new Error(`holds no whole PEM block of ${labels.join(' or ')}`);
  if (another !== undefined) throw new Error('holds more than one PEM block');
  return { label, der: Buffer.from(block[2], 'base64') };
}
