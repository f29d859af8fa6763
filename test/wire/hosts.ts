import { createServer } from 'node:net';
import type { Host, SshSettings } from '../../src/model/inventory.ts';

/** A host of an inventory at 127.0.0.1. Its times are long enough for a busy machine. */
export function hostOf(name: string, ssh: Partial<SshSettings>): Host {
  return {
    name,
    address: '127.0.0.1',
    sshAddress: '127.0.0.1',
    arch: 'amd64',
    roles: ['worker'],
    ssh: {
      transport: 'ssh2',
      user: 'root',
      port: 22,
      keys: [],
      agent: false,
      bastions: [],
      become: { method: 'none' },
      hostKeys: 'strict',
      knownHosts: [],
      connectSeconds: 120,
      commandSeconds: 120,
      keepaliveSeconds: 20,
      ...ssh,
    },
    labels: {},
    taints: [],
    components: {} as Host['components'],
  };
}

/** A port of loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      server.close(() => resolve(port));
    });
  });
}
