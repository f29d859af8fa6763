import { hostPort } from '../desired/context.ts';
import type { Host } from '../model/inventory.ts';

const PEER_PORT = 2380;

/** The URL at which other members find this one. */
export const memberUrl = ({ address }: Pick<Host, 'address'>): string => `https://${hostPort(address, PEER_PORT)}`;
