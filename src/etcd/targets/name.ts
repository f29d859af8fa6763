import { KbinError } from '../../errors.ts';

/** What a file of a target can be called. Names may come from a manifest that others wrote: none leads out of the target. */
export const isName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._+@-]{0,199}$/.test(name);

/** Throws STEP for a name that could lead out of the target. */
export function checkName(label: string, name: string): void {
  if (isName(name)) return;
  throw new KbinError('STEP', `${label}: ${JSON.stringify(name)} is no name of a snapshot’s file.`, {
    hint: 'Names have letters, digits, dots and dashes. Look at the manifest that it comes from.',
  });
}
