import * as der from '../der.ts';

/** True for numbers with dots that can be written: each in 32 bits, the first two in their range. */
export function isObjectIdentifier(text: string): boolean {
  try {
    return /^\d+(\.\d+)+$/.test(text) && der.toDer(der.oid(text)).length > 0;
  } catch {
    return false;
  }
}
