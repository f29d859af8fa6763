import type { Arch } from '../model/inventory.ts';

/** e_machine values of the ELF header (System V ABI). */
const MACHINES: Readonly<Record<number, Arch>> = { 62: 'amd64', 183: 'arm64' };

export type Elf = { isElf: false } | { isElf: true; arch: Arch | `machine ${number}` };

/** What the first 20 bytes of a file say about the machine it runs on. */
export function elfOf(header: Buffer): Elf {
  const isElf = header.length >= 20 && header.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
  if (!isElf) return { isElf: false };
  const littleEndian = header[5] === 1;
  const machine = littleEndian ? header.readUInt16LE(18) : header.readUInt16BE(18);
  return { isElf: true, arch: MACHINES[machine] ?? `machine ${machine}` };
}
