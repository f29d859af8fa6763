import { sha256 } from '../../src/model/digest.ts';
import type { StoredCertificate } from '../../src/model/pki.ts';
import { Disk } from './disk.ts';
import type { Machine } from './machine.ts';
import type { Site } from './site.ts';

const PKI = '/etc/kubernetes/pki';

/** A program that talks to another one over TLS: whom it trusts as what it read at its start, as whom it speaks. */
interface Talk {
  unit: string;
  trusts: string;
  /** Pair read at the start; absent where it is read for every connection. */
  pair: string;
  isReadAtStart: boolean;
  server: { unit: string; serves: string; accepts: string; isAcceptedAtStart: boolean };
}

const apiserver = {
  unit: 'kube-apiserver.service',
  serves: `${PKI}/apiserver/tls.crt`,
  accepts: `${PKI}/client-ca.crt`,
  isAcceptedAtStart: false,
};
const etcd = {
  unit: 'etcd.service',
  serves: '/etc/etcd/pki/server/tls.crt',
  accepts: '/etc/etcd/pki/ca.crt',
  isAcceptedAtStart: true,
};
const client = (unit: string, pair: string): Talk => ({
  unit: `${unit}.service`,
  trusts: `${PKI}/ca.crt`,
  pair: `${PKI}/${pair}/tls.crt`,
  isReadAtStart: true,
  server: apiserver,
});

const TALKS: readonly Talk[] = [
  client('kube-controller-manager', 'controller-manager'),
  client('kube-scheduler', 'scheduler'),
  client('kube-proxy', 'kube-proxy'),
  client('flanneld', 'flannel'),
  {
    unit: 'kube-apiserver.service',
    trusts: `${PKI}/etcd-ca.crt`,
    pair: `${PKI}/apiserver-etcd-client/tls.crt`,
    isReadAtStart: false,
    server: etcd,
  },
];

/** Every certificate that was ever issued, by the sha256 of its PEM. */
export type Issued = Map<string, StoredCertificate>;

/** Notes what the store holds now: what is replaced later may still be read somewhere. */
export function noteIssued(site: Site, issued: Issued): void {
  for (const { stored, publicPem } of site.certificates.kept.values()) issued.set(sha256(publicPem), stored);
}

const certificatesIn = (disk: Disk, path: string, issued: Issued): StoredCertificate[] =>
  (disk.text(path)?.match(/-----BEGIN [^-]+-----\n[^]*?\n-----END [^-]+-----\n/g) ?? []).flatMap(
    (pem) => issued.get(sha256(pem)) ?? [],
  );

/** The disk as it was when a unit started. */
const diskAtStart = ({ systemd }: Machine, unit: string): Disk =>
  Object.assign(new Disk(), { entries: systemd.states.get(unit)?.ranWith ?? new Map() });

const hasKey = (bundle: readonly StoredCertificate[], keyId: string | undefined): boolean =>
  bundle.some((authority) => authority.keyId === keyId);

/**
 * What could not talk to what at this moment: each running client with each running server, by what they have read.
 * A rotation must never pass through such a moment.
 */
export function estranged(site: Site, issued: Issued): string[] {
  const running = (unit: string): Machine[] => site.world.machines.filter(({ systemd }) => systemd.isRunning(unit));
  return TALKS.flatMap(({ unit, trusts, pair, isReadAtStart, server }) =>
    running(unit).flatMap((from) =>
      running(server.unit).flatMap((to) => {
        const trusted = certificatesIn(diskAtStart(from, unit), trusts, issued);
        const [served] = certificatesIn(to.disk, server.serves, issued);
        const accepting = server.isAcceptedAtStart ? diskAtStart(to, server.unit) : to.disk;
        const accepted = certificatesIn(accepting, server.accepts, issued);
        const [shown] = certificatesIn(isReadAtStart ? diskAtStart(from, unit) : from.disk, pair, issued);
        const where = `${unit} on ${from.name} and ${server.unit} on ${to.name}`;
        return [
          ...(hasKey(trusted, served?.issuerKeyId) ? [] : [`${where}: the server is not believed`]),
          ...(hasKey(accepted, shown?.issuerKeyId) ? [] : [`${where}: the client is not believed`]),
        ];
      }),
    ),
  );
}
