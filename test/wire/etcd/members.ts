import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdClient } from '../../../src/etcd/client.ts';
import { askGateway } from '../../../src/engine/etcdGateway.ts';
import type { HttpTarget } from '../../../src/engine/httpStreams.ts';
import type { JsonObject } from '../../../src/model/inventory.ts';
import type { Connection } from '../../../src/model/ports.ts';
import { Secret } from '../../../src/model/secret.ts';
import { connectLocal } from '../../../src/ssh/local.ts';
import { makeCertificates } from '../../unit/engine/probes/certificates.ts';
import { programPath, versionsOf } from '../desired/binaries.ts';
import { freePort, hostOf } from '../hosts.ts';
import { until } from '../until.ts';

/** Real etcd on loopback, with the certificates and settings that kbin gives it. */

/** Versions whose programs are all built. */
export const etcdVersions = versionsOf('etcd').filter((version) =>
  ['etcd', 'etcdctl', 'etcdutl'].every((name) => existsSync(programPath('etcd', version, name))),
);

export const NO_ETCD = 'no etcd is built (scripts/demo builds it): nothing was asked of a real one';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Start {
  /** `name=peer URL` of all members, this one too. */
  cluster: string;
  state: 'new' | 'existing';
}

export class Member {
  readonly name: string;
  readonly site: Site;
  readonly ports: { client: number; peer: number; metrics: number };
  readonly folder: string;
  readonly connection: Connection;
  #child: ChildProcess | undefined;
  #start: Start | undefined;

  constructor(site: Site, name: string, ports: Member['ports']) {
    [this.site, this.name, this.ports] = [site, name, ports];
    this.folder = join(site.folder, name);
    this.connection = connectLocal(hostOf(name, { transport: 'local' }));
  }

  get peerUrl(): string {
    return `https://127.0.0.1:${this.ports.peer}`;
  }

  get target(): HttpTarget {
    const { ca, admin } = this.site.certificates;
    const tls = { ca: ca.cert, cert: admin.cert, key: new Secret(admin.key), serverName: '127.0.0.1' };
    return { connection: this.connection, address: '127.0.0.1', port: this.ports.client, tls };
  }

  get client(): EtcdClient {
    return new EtcdClient(this.target);
  }

  get databaseFile(): string {
    return join(this.folder, 'member/snap/db');
  }

  /** Starts the program; a second time with what it was started with before. */
  run(start: Start | undefined = this.#start): void {
    if (start === undefined) throw new Error(`${this.name} was never started`);
    this.#start = start;
    const { client, peer, metrics } = this.ports;
    const at = (file: string): string => join(this.site.folder, file);
    const url = `https://127.0.0.1:${client}`;
    this.#child = spawn(
      programPath('etcd', this.site.version, 'etcd'),
      [
        ...[`--name=${this.name}`, `--data-dir=${this.folder}`, '--unsafe-no-fsync', '--log-level=error'],
        ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
        ...[`--listen-peer-urls=${this.peerUrl}`, `--initial-advertise-peer-urls=${this.peerUrl}`],
        ...[`--listen-metrics-urls=http://127.0.0.1:${metrics}`, '--feature-gates=InitialCorruptCheck=true'],
        ...[`--initial-cluster=${start.cluster}`, `--initial-cluster-state=${start.state}`],
        ...[`--cert-file=${at('server.crt')}`, `--key-file=${at('server.key')}`, `--trusted-ca-file=${at('ca.crt')}`],
        ...[`--peer-cert-file=${at('server.crt')}`, `--peer-key-file=${at('server.key')}`],
        ...[`--peer-trusted-ca-file=${at('ca.crt')}`, '--client-cert-auth', '--peer-client-cert-auth'],
        ...this.site.flags,
      ],
      { stdio: 'ignore' },
    );
    if (peer === 0) throw new Error('no port');
  }

  /** Resolves when the member itself says that it can be used. */
  async ready(): Promise<void> {
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${this.ports.metrics}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    }, `the start of etcd ${this.name}`);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP and SIGCONT: a member that answers nothing while its connections stand. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  async put(key: string, value: string): Promise<void> {
    const body = { key: base64(key), value: base64(value) };
    await askGateway(this.target, { path: '/v3/kv/put', body, timeoutSeconds: 30 });
  }

  async remove(key: string): Promise<void> {
    await askGateway(this.target, { path: '/v3/kv/deleterange', body: { key: base64(key) }, timeoutSeconds: 30 });
  }

  /** Puts this many keys of about `bytes` each, a hundred at once. */
  async fill(count: number, bytes: number): Promise<void> {
    for (let first = 0; first < count; first += 100) {
      const success = Array.from({ length: Math.min(100, count - first) }, (_, index): JsonObject => {
        const key = `/registry/pods/ns/${String(first + index).padStart(6, '0')}`;
        return { requestPut: { key: base64(key), value: base64(`${first + index} `.repeat(bytes / 5)) } };
      });
      await askGateway(this.target, { path: '/v3/kv/txn', body: { success }, timeoutSeconds: 60 });
    }
  }
}

/** Members of one etcd in one temporary folder. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'kbin-etcd-'));
  readonly certificates = makeCertificates();
  readonly version: string;
  readonly flags: readonly string[];
  readonly members: Member[] = [];

  constructor(version: string, flags: readonly string[] = []) {
    [this.version, this.flags] = [version, flags];
    const { ca, server } = this.certificates;
    const files = { 'ca.crt': ca.cert, 'server.crt': server.cert, 'server.key': server.key };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text);
  }

  /** A member that is not started yet. */
  async member(name: string): Promise<Member> {
    const [client, peer, metrics] = [await freePort(), await freePort(), await freePort()];
    const member = new Member(this, name, { client, peer, metrics });
    mkdirSync(member.folder, { mode: 0o700 });
    this.members.push(member);
    return member;
  }

  /** A new cluster of these, ready. */
  async start(...names: string[]): Promise<Member[]> {
    for (const name of names) await this.member(name);
    const cluster = this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    for (const member of this.members) member.run({ cluster, state: 'new' });
    await Promise.all(this.members.map((member) => member.ready()));
    return this.members;
  }

  program(name: 'etcdctl' | 'etcdutl'): string {
    return programPath('etcd', this.version, name);
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await Promise.all(this.members.map(({ connection }) => connection.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
