import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SnapshotFault } from '../../../src/etcd/snapshotFault.ts';
import { SnapshotProof } from '../../../src/etcd/snapshotFile.ts';

/** Takes everything and keeps nothing. */
export const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Pieces of at most this length, as they come off a wire. */
export function* piecesOf(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** What a proof says of these bytes: `sound`, or the reason why not. */
export async function verdictOn(bytes: Buffer, pieceLength = 65_536): Promise<string> {
  const proof = new SnapshotProof('it');
  try {
    await pipeline(Readable.from(piecesOf(bytes, pieceLength)), proof, nowhere());
  } catch (error) {
    await expect(proof.result).rejects.toBe(error);
    return (error as SnapshotFault).reason;
  }
  await proof.result;
  return 'sound';
}
