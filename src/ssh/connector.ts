import { homedir } from 'node:os';
import type { Host } from '../model/inventory.ts';
import type { Connection, Connector } from '../model/ports.ts';
import { Bastions } from './bastions.ts';
import { type ClientConfig, readClientConfig } from './clientConfig.ts';
import { HostKeyCheck, type Warn } from './hostKeyCheck.ts';
import { KeyRing } from './keyRing.ts';
import { connectLocal } from './local.ts';
import { connectOpenssh } from './openssh.ts';
import { Pace, processPace } from './pace.ts';
import { type Route, route } from './route.ts';
import { connectSsh2, type Ssh2World } from './ssh2.ts';

export interface ConnectorOptions {
  /** Told of host keys that were accepted unseen. Silent by default. */
  warn?: Warn;
  /** New connections a second to one sshd; the default is the process's pace, which all connectors share. */
  startsPerSecond?: number;
  /** Home directory for ~ and the default files. */
  home?: string;
}

/** What the connections of one connector share, by its options. */
export const ssh2World = ({ warn, startsPerSecond }: ConnectorOptions): Ssh2World => ({
  keyRing: new KeyRing(),
  hostKeys: new HostKeyCheck(warn ?? (() => undefined)),
  bastions: new Bastions(),
  pace: startsPerSecond === undefined ? processPace : new Pace({ perSecond: startsPerSecond }),
});

/** Connects to hosts by their `ssh.transport`. Connections to jump hosts are shared and end with their last user. */
export function createConnector(options: ConnectorOptions = {}): Connector {
  const { home = homedir() } = options;
  const world = ssh2World(options);
  const routes = new Routes(home);
  const transports: Record<Host['ssh']['transport'], (host: Host, signal?: AbortSignal) => Promise<Connection>> = {
    ssh2: async (host, signal) => connectSsh2(world, host, { route: await routes.to(host), signal }),
    openssh: async (host, signal) => connectOpenssh(world, host, { route: await routes.to(host), signal }),
    local: (host) => Promise.resolve(connectLocal(host)),
  };
  return { connect: (host, signal) => transports[host.ssh.transport](host, signal) };
}

/** Reads each configuration file once. */
class Routes {
  readonly #home: string;
  readonly #configs = new Map<string, Promise<ClientConfig>>();

  constructor(home: string) {
    this.#home = home;
  }

  async to(host: Host): Promise<Route> {
    const { configFile } = host.ssh;
    return route(host, configFile === undefined ? undefined : await this.#read(configFile), this.#home);
  }

  #read(path: string): Promise<ClientConfig> {
    const config = this.#configs.get(path) ?? readClientConfig(path, this.#home);
    this.#configs.set(path, config);
    return config;
  }
}
