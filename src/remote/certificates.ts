import { PLACES } from '../catalog/places.ts';
import { hostPath } from './allowed.ts';
import { CERTIFICATES_FIRST } from './certificatesAnswer.ts';
import { shellQuote, shellWords } from './quote.ts';
import { compact, PRELUDE } from './shell.ts';

export { parseCertificates, type CertificatesAnswer } from './certificatesAnswer.ts';

export interface CertificatesInput {
  /** Further files with certificates, beside the places that are always looked at. */
  files: readonly string[];
}

/** Shell patterns; kubeadm's places are among them. Kubeconfigs of an administrator lie in root's home. */
const KUBECONFIGS = [`${PLACES.kubernetes}/*.conf`, '/root/.kube/config'];
const PEM_FILES = [
  ...['*.crt', '*.pem', '*/*.crt'].map((pattern) => `${PLACES.pki}/${pattern}`),
  ...['*.crt', '*/*.crt'].map((pattern) => `${PLACES.etcdPki}/${pattern}`),
  // Those with a date in their name are what the kubelet had before.
  ...['*-current.pem', '*.crt'].map((pattern) => `${PLACES.kubelet}/pki/kubelet${pattern}`),
];

/** Stays in base64 of a text with these words, wherever they begin. */
const inBase64 = (words: string): string[] =>
  [0, 1, 2].map((offset) => {
    const text = Buffer.from(' '.repeat(offset) + words).toString('base64');
    return text.slice(offset === 0 ? 0 : offset + 1, Math.floor(((offset + words.length) * 8) / 6));
  });

const QUOTE = `["']`;
const VALUE = `${QUOTE}?:[[:blank:]]*${QUOTE}?`;
const FIELDS = '(certificate-authority|client-certificate)';
/** Only what fits is printed, so that nothing of a key comes along where a kubeconfig is one long line of JSON. */
const FIELD_PATTERN = `${FIELDS}(-data${VALUE}[A-Za-z0-9+/=]+|${VALUE}[^][:blank:],"'{}[]+)`;

/** Lines `./path:field…` as `field ./path:value`; a field with a key where a certificate belongs is not told. */
const FIELD_LINES = [
  ...inBase64('PRIVATE KEY').map((text) => `/${text.replaceAll('/', '\\/')}/d`),
  `s/^\\(\\.[^:]*\\):\\([a-z-]*\\)${QUOTE}\\{0,1\\}:[[:blank:]]*${QUOTE}\\{0,1\\}/\\2 \\1:/`,
].join('\n');

/**
 * Lines `./path:line`, of which only those of whole certificates are printed: after `certificate ./path` the base64,
 * then `end`. The held line says which block began last and in which file: one that does not end must not take lines of
 * a key with it.
 */
const CERTIFICATE_LINES = [
  's/\\r$//',
  't text',
  ':text',
  '/:-----BEGIN /h',
  'G',
  's/^\\(\\.[^:]*\\):-----BEGIN CERTIFICATE-----\\n.*/certificate \\1/p',
  't',
  's/^\\(\\.[^:]*\\):\\([A-Za-z0-9+/=]\\{1,\\}\\)\\n\\1:-----BEGIN CERTIFICATE-----$/\\2/p',
  't',
  's/^\\(\\.[^:]*\\):-----END CERTIFICATE-----\\n\\1:-----BEGIN CERTIFICATE-----$/end/p',
  't over',
  '/^[^:]*:-----END /!d',
  ':over',
  's/.*//',
  'h',
].join('\n');

/** add PATH: puts a file on `list`, once. A name that would tear a line of the answer is passed over. */
const LISTS = compact(`
  newline='
  '
  list=
  add() {
    case $1 in *:*|*"$newline"*) return;; esac
    case $newline$list in *"$newline$1$newline"*) return;; esac
    if [ -f "$1" ]; then list=$list$1$newline; fi
  }
  section() { printf '%%%s\\n' "$1"; }
`);

/** What follows sees the files of these lists as its arguments. */
const withFiles = (lists: string): string => `IFS=$newline; set -f; set -- ${lists}; set +f; unset IFS`;

const kubeconfigs = compact(`
  section kubeconfigs
  for path in ${KUBECONFIGS.map(hostPath).join(' ')}; do add "$path"; done
  kubeconfigs=$list
  fields=
  ${withFiles('$kubeconfigs')}
  if [ $# -gt 0 ]; then
    fields=$(grep -s -H -o -E ${shellQuote(FIELD_PATTERN)} -- "$@" 2>/dev/null | sed ${shellQuote(FIELD_LINES)})
    printf '%s\\n' "$fields"
  fi
`);

const pemFiles = (files: readonly string[]): string =>
  compact(`
    list=
    for path in ${PEM_FILES.map(hostPath).join(' ')} ${shellWords(files.map(hostPath))}; do add "$path"; done
    while IFS= read -r line; do
      case $line in
        client-certificate\\ *|certificate-authority\\ *) ;;
        *) continue;;
      esac
      from=\${line#* }
      target=\${from#*:}
      from=\${from%%:*}
      case $target in
        /*) add ".$target";;
        *) add "\${from%/*}/$target";;
      esac
    done <<EOF
    $fields
    EOF
    pems=$list
    list=
    ${withFiles('$pems')}
    for path do
      case $path in *.crt) add "\${path%.crt}.key";; esac
    done
    keys=$list
  `);

const contents = compact(`
  section files
  ${withFiles('$kubeconfigs $pems $keys')}
  if [ $# -gt 0 ]; then stat -L -c '%a|%U:%G|%n' -- "$@" 2>/dev/null; fi
  section keys
  ${withFiles('$keys')}
  if [ $# -gt 0 ]; then sha256sum -- "$@" 2>/dev/null; fi
  section withkeys
  ${withFiles('$kubeconfigs $pems')}
  if [ $# -gt 0 ]; then grep -s -l -E -e 'PRIVATE KEY-----|client-key-data' -- "$@" 2>/dev/null; fi
  section certificates
  ${withFiles('$pems')}
  if [ $# -gt 0 ]; then grep -s -H '' -- "$@" 2>/dev/null | sed -n ${shellQuote(CERTIFICATE_LINES)}; fi
`);

/**
 * One POSIX sh script that tells every certificate on a host's disk, and of private keys only where they lie, who may
 * read them and the hash of those that are files of their own. About ten processes, however many files.
 */
export const certificatesScript = ({ files }: CertificatesInput): string =>
  [PRELUDE, LISTS, `echo '${CERTIFICATES_FIRST}'`, kubeconfigs, pemFiles(files), contents, 'echo %end', 'exit 0'].join(
    '\n',
  );
