import { load } from 'js-yaml';
import { keyOfGeneration } from '../../src/catalog/encryption.ts';
import type { StoredHead } from '../../src/engine/etcdValues.ts';
import type { HostName } from '../../src/model/inventory.ts';

type Keys = { keys: { name: string }[] };
interface Configuration {
  resources: { resources: string[]; providers: { secretbox?: Keys; aesgcm?: Keys; kms?: { name: string } }[] }[];
}

/** What a kube-apiserver with this file reads Secrets with, in its order; the first writes them. */
export function providersIn(text: string): string[] {
  // The first line is the fake store's own.
  const { resources } = load(text.slice(text.indexOf('\n') + 1)) as Configuration;
  return resources
    .filter((entry) => entry.resources.includes('secrets'))
    .flatMap(({ providers }) => providers)
    .map(({ secretbox, aesgcm, kms }) => {
      if (secretbox !== undefined) return keyOfGeneration({ provider: 'secretbox', key: secretbox.keys[0]!.name });
      if (aesgcm !== undefined) return keyOfGeneration({ provider: 'aesgcm', key: aesgcm.keys[0]!.name });
      return kms === undefined ? 'none' : keyOfGeneration({ provider: 'kms', key: kms.name });
    });
}

/** Secrets in etcd, each under something, and what the kube-apiservers that run read and write. */
export class StoredSecrets {
  /** Under what, by `namespace/name`. */
  readonly values = new Map<string, string>();
  readonly #running = new Map<HostName, string[]>();
  readonly #broken: (what: string) => void;
  #written = 0;

  constructor(broken: (what: string) => void) {
    this.#broken = broken;
  }

  /** A kube-apiserver begins to serve: it reads all, and whatever any of them writes the others must be able to read. */
  serve(host: HostName, providers: string[]): void {
    this.#running.set(host, providers);
    for (const [name, under] of this.values) {
      if (!providers.includes(under)) this.#broken(`${host} cannot read Secret ${name} under ${under}`);
    }
    for (const [writer, [first = 'none']] of this.#running) {
      for (const [reader, known] of this.#running) {
        if (!known.includes(first))
          this.#broken(`${writer} writes Secrets under ${first}, which ${reader} cannot read`);
      }
    }
    this.#written += 1;
    this.values.set(`load/${host}-${this.#written}`, providers[0] ?? 'none');
  }

  stop(host: HostName): void {
    this.#running.delete(host);
  }

  /** As if kube-apiservers had never had such a file. */
  expose(): void {
    for (const name of this.values.keys()) this.values.set(name, 'none');
    for (const host of this.#running.keys()) this.#running.set(host, ['none']);
  }

  rewrite(host: HostName, name: string): void {
    if (this.values.has(name)) this.values.set(name, this.#running.get(host)?.[0] ?? 'none');
  }

  heads(prefix: string): StoredHead[] {
    return [...this.values].map(([name, under]) => ({
      key: `${prefix}${name}`,
      head: under === 'none' ? 'k8s\u0000' : `k8s:enc:${under.replace(' ', ':v1:')}:`,
    }));
  }

  /** Secrets that are not under what the kube-apiservers write. */
  left(): string[] {
    const first = [...this.#running.values()][0]?.[0];
    return [...this.values].filter(([, under]) => under !== first).map(([name]) => name);
  }
}
