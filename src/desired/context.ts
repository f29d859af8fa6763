import type { ComponentName, Host, Inventory, Override } from '../model/inventory.ts';
import type { Writer } from './documents.ts';
import type { Render } from './render.ts';

/** What a component's builder works from: everything about one host. */
export interface Context {
  inventory: Inventory;
  host: Host;
  render: Render;
  write: Writer;
}

/** What the inventory changes of a component on this host. */
export const overrideOf = ({ host }: Context, component: ComponentName): Override => host.components[component];

/** `address:port`, with brackets around IPv6. */
export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
