import { absolutePath } from './allowed.ts';
import { linesOf, malformed, readSections, type Sections } from './answer.ts';

/** How the answer begins. */
export const CERTIFICATES_FIRST = 'kbin-certificates 1';

/** Field of a kubeconfig that holds or names certificates. */
export type CertificateField = 'certificate-authority' | 'client-certificate';

export interface CertificatesAnswer {
  /** Certificates and keys, by path. `mode` has four octal digits, `owner` is `user:group`. */
  files: Record<string, { mode: string; owner: string }>;
  /** Files that hold a private key beside something else. */
  withKeys: string[];
  /** Files that are keys, with their sha256 in hex. */
  keys: Record<string, string>;
  /** PEM texts of one certificate each, in the order of the file. */
  certificates: { path: string; pem: string }[];
  /** Base64 of PEM texts in kubeconfigs. */
  embedded: { path: string; field: CertificateField; base64: string }[];
  /** Files that kubeconfigs name. */
  named: { path: string; by: string }[];
}

const FILE = /^([0-7]{1,4})\|([^|]+)\|(\.\/.+)$/;
const KEY = /^\\?([0-9a-f]{64}) [ *](\.\/.+)$/;
const NAMED = /^(certificate-authority|client-certificate)(-data)? (\.\/[^:]+):(.+)$/;

function filesIn(sections: Sections): CertificatesAnswer['files'] {
  return Object.fromEntries(
    linesOf(sections, 'files').map((line) => {
      const [, mode = '', owner = '', path = ''] = FILE.exec(line) ?? malformed('mode|owner|path', line);
      return [absolutePath(path), { mode: mode.padStart(4, '0'), owner }];
    }),
  );
}

function keysIn(sections: Sections): Record<string, string> {
  return Object.fromEntries(
    linesOf(sections, 'keys').map((line) => {
      const [, sha256 = '', path = ''] = KEY.exec(line) ?? malformed('a line of sha256sum', line);
      return [absolutePath(path), sha256];
    }),
  );
}

/** Relative to its kubeconfig, as clients take it. */
const namedPath = (by: string, target: string): string =>
  target.startsWith('/') ? target : `${by.slice(0, by.lastIndexOf('/'))}/${target}`;

function fieldsIn(sections: Sections): Pick<CertificatesAnswer, 'embedded' | 'named'> {
  const embedded: CertificatesAnswer['embedded'] = [];
  const named: CertificatesAnswer['named'] = [];
  for (const line of linesOf(sections, 'kubeconfigs').filter((text) => text !== '')) {
    const [, field, data, printed = '', value = ''] =
      NAMED.exec(line) ?? malformed('a field of a kubeconfig', undefined);
    const path = absolutePath(printed);
    if (data === undefined) named.push({ path: namedPath(path, value), by: path });
    else embedded.push({ path, field: field as CertificateField, base64: value });
  }
  return { embedded, named };
}

function certificatesIn(sections: Sections): CertificatesAnswer['certificates'] {
  const certificates: CertificatesAnswer['certificates'] = [];
  let path: string | undefined;
  let body: string[] = [];
  for (const line of linesOf(sections, 'certificates')) {
    if (line.startsWith('certificate ')) {
      path = absolutePath(line.slice('certificate '.length));
      body = [];
    } else if (line !== 'end') body.push(line);
    else if (path !== undefined) {
      const pem = ['-----BEGIN CERTIFICATE-----', ...body, '-----END CERTIFICATE-----', ''].join('\n');
      certificates.push({ path, pem });
      path = undefined;
    }
  }
  return certificates;
}

/** What the script told. Throws STEP for an answer that is cut off or is none. */
export function parseCertificates(stdout: string): CertificatesAnswer {
  const { sections } = readSections(stdout, CERTIFICATES_FIRST);
  return {
    files: filesIn(sections),
    keys: keysIn(sections),
    withKeys: linesOf(sections, 'withkeys').map(absolutePath),
    certificates: certificatesIn(sections),
    ...fieldsIn(sections),
  };
}
