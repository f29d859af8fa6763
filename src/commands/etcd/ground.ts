import type { EtcdGround } from '../../etcd/hosts.ts';
import { FLEET_OPTIONS, INVENTORY_OPTION, type Option } from '../command.ts';
import type { RunSession } from '../run.ts';
import { IDENTITY_OPTION } from '../unlock.ts';

/** What the procedures of etcd need of a run. */
export const groundOf = ({ engine, fleet, print }: RunSession): EtcdGround => ({ engine, fleet, tell: print });

export const ETCD_OPTIONS: Readonly<Record<string, Option>> = {
  ...INVENTORY_OPTION,
  ...FLEET_OPTIONS,
  ...IDENTITY_OPTION,
};

export const GATE_OPTION: Readonly<Record<string, Option>> = {
  'gate-seconds': { type: 'number', describe: 'how long every gate waits, instead of its own limit' },
};
