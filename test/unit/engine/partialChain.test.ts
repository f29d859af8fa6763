import { mkdirSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { request } from '../../../src/engine/http.ts';
import { apiTls } from '../../../src/engine/apiClient.ts';
import type { Connection } from '../../../src/model/ports.ts';
import { certificateSpecs } from '../../../src/pki/catalog.ts';
import { leafOf } from '../../../src/pki/chain.ts';
import { adopt } from '../../../src/pki/outside/adopt.ts';
import { givenAuthority } from '../../../src/pki/outside/givenAuthority.ts';
import { openPkiStore } from '../../../src/pki/store.ts';
import { CA, filesOf, make, textOf, wish } from '../pki/outside/authorities.ts';
import { inventory, rows, temporaryDirectory, testWithOpenssl } from '../pki/samples.ts';

interface Shown {
  getPeerCertificate: () => { subject: { CN: string } };
}

const base = temporaryDirectory();

testWithOpenssl('kbin itself believes an API server below a given authority, without its root', async () => {
  const directory = join(base, 'pki');
  mkdirSync(join(base, 'made'));
  const root = make(join(base, 'made'), 'root');
  const own = make(join(base, 'made'), 'own', { issuer: root, extensions: [...CA, 'authorityKeyIdentifier=keyid'] });
  const given = givenAuthority(filesOf(own, { chain: textOf(root.certificate) }), wish());
  if ('faults' in given) throw new Error(given.faults.join());
  await adopt({ directory, rows }, [given]);
  const pki = openPkiStore(directory);
  const { certificates } = certificateSpecs(inventory(), rows);
  const wanted = certificates.filter(({ name }) => ['apiserver@cp-1', 'admin'].includes(name));
  await pki.issueAll(wanted, Date.now());
  const [cert, key] = await Promise.all(
    (['certificate', 'key'] as const).map((part) => pki.read({ certificate: 'apiserver@cp-1', part })),
  );
  const seen: unknown[] = [];
  // A server of Node takes no authority below a root for an anchor.
  const options = { ca: textOf(own.certificate) + textOf(root.certificate), requestCert: true };
  const pair = { cert: leafOf(cert!.reveal()), key: key!.reveal() };
  const server = https.createServer({ ...options, ...pair }, (asked, answer) => {
    if ('getPeerCertificate' in asked.socket) seen.push((asked.socket as Shown).getPeerCertificate().subject.CN);
    answer.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const sockets: net.Socket[] = [];
  const tunnel = (): Promise<net.Socket> => {
    const socket = net.connect(port, '127.0.0.1');
    sockets.push(socket);
    return Promise.resolve(socket);
  };
  try {
    const answer = await request({
      ...{ connection: { host: 'cp-1', tunnel } as unknown as Connection, address: '127.0.0.1', port },
      ...{ path: '/readyz', timeoutSeconds: 5, tls: await apiTls(pki, 'admin') },
    });
    expect([answer.status, seen]).toEqual([200, ['kubernetes-admin']]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
