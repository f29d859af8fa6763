import { ConnectionLost } from '../../src/errors.ts';

/** Everything that reaches out of the process: to a host, to the API, or to the certificate store. */
export type Verb =
  | 'observe'
  | 'upload'
  | 'apply'
  | 'acquire'
  | 'renew'
  | 'release'
  | 'reset'
  | 'gate'
  | 'object'
  | 'node'
  | 'look'
  | 'issue'
  | 'issue-key'
  | 'rotate';

export interface Operation {
  /** From 1. */
  number: number;
  verb: Verb;
  /** A host, `api` or `local`. */
  on: string;
  name: string;
  /** Pieces that its script had; what it had done by then where it did not end. */
  pieces: number;
}

/** What happens to one operation. */
export interface Fault {
  at: number;
  /** Pieces of its script that still run. 0: it never began; Infinity: all of it took effect. */
  after: number;
  then:
    | 'lost' // the connection breaks
    | 'killed' // kbin itself dies
    | 'reboot' // the host starts again, the connection breaks
    | 'dead' // the host goes down and stays down
    | 'truncated' // the script is killed on the host
    | 'full' // the disk has no room left, from here on
    | 'refused' // a gate is not passed
    | 'store'; // the operator's certificate store fails
}

export const describeFault = ({ at, after, then }: Fault, operation: Operation | undefined): string =>
  `operation ${at} (${operation?.verb ?? '?'} ${operation?.name ?? ''} on ${operation?.on ?? '?'}), ${then} after ${after} pieces`;

/** Thrown through everything when kbin is killed: nobody catches it in earnest. */
export class Killed extends Error {
  constructor() {
    super('killed');
    this.name = 'Killed';
  }
}

export const connectionLost = (host: string, sent: boolean): ConnectionLost =>
  new ConnectionLost(`${host}: the connection was lost`, sent, { host });
