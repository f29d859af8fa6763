import { hostPath, moduleName } from './allowed.ts';

/** File of a sysctl. A name with a dot inside one part (an interface `eth0.100`) is written with slashes. */
export const sysctlPath = (name: string): string =>
  hostPath(`/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`);

/** Name of a module below /sys/module. */
export const sysModule = (name: string): string => moduleName(name).replaceAll('-', '_');

/**
 * Extended regular expression for lines of /proc/filesystems and modules.builtin that name one of the modules. File
 * names have dashes where the kernel has underscores.
 */
export const builtinPattern = (modules: readonly string[]): string =>
  `(/|[[:blank:]])(${modules.map((name) => moduleName(name).replaceAll(/[-_]/g, '[-_]')).join('|')})(\\.ko)?$`;
