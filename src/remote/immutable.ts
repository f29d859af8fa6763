import { hostPath, recordName } from './allowed.ts';
import { shellQuote, shellWords } from './quote.ts';
import { compact, FINGERPRINT, HASH, REMEMBER } from './shell.ts';

/**
 * Lines `sha256  path` for large versioned files. Those that PLACES.verified knows by size, times and inode are not read.
 * A record that does not fit is made anew: a file whose times changed (restorecon, chmod) would be read whole by every
 * run otherwise. Nothing else is ever written here, and this only on hosts that kbin already keeps.
 */
export function recallScript(input: { immutable: readonly string[]; deep: boolean }): string {
  if (input.immutable.length === 0) return '';
  const rows = input.immutable.map((path) => `${shellQuote(hostPath(path))}) name=${recordName(path)};;`);
  return compact(`
    ${HASH}
    ${REMEMBER}
    recall() {
      case $path in
      ${rows.join('\n')}
      *) return 1;;
      esac
      known= digest=
      read -r digest known <"./var/lib/kbin/verified/$name"
      [ ${input.deep ? '1' : '0'} = 0 ] && [ -n "$digest" ] && [ "$known" = "$line" ]
    }
    stat -c '${FINGERPRINT}' -- ${shellWords(input.immutable.map(hostPath))} 2>/dev/null | while IFS= read -r line; do
      path=\${line#*|*|*|*|}
      if [ ! -f "$path" ] || [ -h "$path" ]; then continue; fi
      if recall 2>/dev/null; then
        printf '%s  %s\\n' "$digest" "$path"
      elif digest=$(hash_of "$path"); then
        digest=\${digest%% *}
        printf '%s  %s\\n' "$digest" "$path"
        if [ -d ./var/lib/kbin/verified ]; then remember "$digest" "$path" "$name"; fi
      fi 2>/dev/null
    done
  `);
}
