import { LISTENERS, listenerAddress } from '../catalog/listeners.ts';
import { hostPort } from '../desired/context.ts';
import { ConnectionLost } from '../errors.ts';
import type { CertificateRow } from '../model/certificateRow.ts';
import type { Host, HostName } from '../model/inventory.ts';
import type { SeenCertificate } from '../model/pki.ts';
import { certificateSpecs } from '../pki/catalog.ts';
import { seenCertificate } from '../pki/certificate.ts';
import { certificateReport } from '../pki/report/report.ts';
import type { Disk, HostSight, WireSight } from '../pki/report/sight.ts';
import type { IssuedUser } from '../pki/userCertificate.ts';
import type { CertificatesAnswer } from '../remote/certificates.ts';
import type { Engine } from './engine.ts';
import { fanOut } from './fanOut.ts';
import { unseenBecause, type Door, type HostCertificates } from './hostCertificates.ts';

/** Certificates from PEM texts. The same authorities lie on every host: each text is read once. */
class Reader {
  readonly #read = new Map<string, SeenCertificate | null>();

  /** None for what cannot be read. */
  one(pem: string): SeenCertificate[] {
    let seen = this.#read.get(pem);
    if (seen === undefined) {
      seen = parsed(pem);
      this.#read.set(pem, seen);
    }
    return seen === null ? [] : [seen];
  }

  all(base64: string): SeenCertificate[] {
    const text = Buffer.from(base64, 'base64').toString('latin1').replaceAll('\r\n', '\n');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----\n[^-]*-----END CERTIFICATE-----/g) ?? [];
    return blocks.flatMap((block) => this.one(`${block}\n`));
  }
}

function parsed(pem: string): SeenCertificate | null {
  try {
    return seenCertificate(pem);
  } catch {
    return null;
  }
}

function diskSight(answer: CertificatesAnswer, reader: Reader): Disk {
  const { files, keys, withKeys, certificates, embedded, named } = answer;
  const holding = new Set(withKeys);
  return {
    certificates: [
      ...certificates.flatMap(({ path, pem }) => reader.one(pem).map((certificate) => ({ path, certificate }))),
      ...embedded.flatMap(({ path, field, base64 }) =>
        reader.all(base64).map((certificate) => ({ path, field, certificate })),
      ),
    ],
    files: Object.fromEntries(
      Object.entries(files).map(([path, { mode, owner }]) => {
        const sha256 = keys[path];
        const isKey = sha256 !== undefined;
        return [path, { mode, owner, holdsKey: isKey || holding.has(path), ...(isKey ? { sha256 } : {}) }];
      }),
    ),
    named,
  };
}

const doorsOf = ({ inventory }: Pick<Engine, 'inventory'>, host: Host): Door[] =>
  LISTENERS.filter((listener) => listener.on(inventory).some(({ name }) => name === host.name)).map((listener) => ({
    name: listener.name,
    row: listener.row,
    ...(listener.signer === undefined ? {} : { signer: listener.signer }),
    address: listenerAddress(listener, host),
    port: listener.port(inventory),
  }));

const wireSight = ({ name, row, signer, address, port }: Door, seen: WireSight['seen']): WireSight => ({
  listener: name,
  row,
  ...(signer === undefined ? {} : { signer }),
  address: hostPort(address, port),
  seen,
});

/** Files of a host that should hold certificates, wherever its inventory puts them. */
const filesOf = ({ desired }: Pick<Engine, 'desired'>, host: HostName): string[] =>
  (desired.hosts[host] ?? []).flatMap((resource) => {
    if (resource.kind === 'pair') return [`${resource.path}/tls.crt`];
    if (resource.kind === 'renewed') return [resource.path];
    return resource.kind === 'file' && 'concat' in resource.body ? [resource.path] : [];
  });

/** Once more where the connection broke; one that was never there has been tried often enough. */
const lookedAt = (look: () => Promise<HostCertificates>): Promise<HostCertificates> =>
  look().catch((error: unknown) => {
    if (error instanceof ConnectionLost) return look();
    throw error;
  });

async function sightOf(engine: Engine, host: Host, reader: Reader): Promise<HostSight> {
  const doors = doorsOf(engine, host);
  const asked = { files: filesOf(engine, host.name), doors };
  try {
    const { disk, wire } = await lookedAt(() => engine.world.host(host.name).certificates(asked));
    return {
      host: host.name,
      disk: diskSight(disk, reader),
      wire: wire.map(({ door, seen }) => wireSight(door, seen)),
    };
  } catch (error) {
    const unseen = unseenBecause(error);
    return { host: host.name, disk: unseen, wire: doors.map((door) => wireSight(door, unseen)) };
  }
}

export interface CertificatesWanted {
  /** Hosts that are asked; all when absent. */
  limit?: ReadonlySet<HostName> | undefined;
  /** Kubeconfigs that were handed out. */
  issued: readonly IssuedUser[];
}

/**
 * Every certificate of the cluster, worst first: from the store, and from the disks and listeners of its hosts. It goes
 * over SSH alone, so that it works where every certificate has expired. A host that cannot be reached is told in its
 * rows. Changes nothing and needs no lock. Throws PKI for a damaged store.
 */
export async function listCertificates(
  engine: Engine,
  { limit, issued }: CertificatesWanted,
): Promise<CertificateRow[]> {
  const { inventory, desired, pki, clock } = engine;
  const hosts = inventory.hosts.filter(({ name }) => limit?.has(name) ?? true);
  const reader = new Reader();
  // Awaited as one: a damaged store must not fail while nobody listens.
  const [stored, answers] = await Promise.all([
    pki.list(),
    fanOut(hosts, engine.parallel, (host) => sightOf(engine, host, reader)),
  ]);
  const sights = answers.map((answer) => {
    if (!answer.ok) throw answer.error;
    return answer.value;
  });
  const { certificates } = certificateSpecs(inventory, engine.rows);
  const specs = new Map(certificates.map((spec) => [spec.name, spec]));
  return certificateReport({ specs, stored, issued, sights, resources: desired.hosts, now: clock.now() });
}
