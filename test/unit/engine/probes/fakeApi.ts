import { field, isJsonObject, textAt } from '../../../../src/engine/httpJson.ts';
import type { Json, JsonObject } from '../../../../src/model/inventory.ts';
import type { Asked, Said } from './world.ts';

/** RFC 7396, as the API does it. */
function merged(live: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(live) ? live : {};
  const changed = Object.entries(patch).map(([name, value]) => [name, merged(base[name] ?? null, value)] as const);
  return Object.fromEntries(Object.entries({ ...base, ...Object.fromEntries(changed) }).filter(([, v]) => v !== null));
}

/** Enough of a kube-apiserver for its clients here: objects by path, lists, apply, merge patch with conflicts. */
export class FakeApi {
  readonly objects = new Map<string, JsonObject>();
  readonly asked: Asked[] = [];
  /** Its clock, milliseconds since the epoch. */
  time = Date.parse('2026-11-20T12:00:00Z');
  /** Answers instead of the API where it gives one. */
  instead: (asked: Asked) => Said | 'hang' | 'drop' | undefined = () => undefined;
  /** What becomes of an object once it is there. */
  admit: (path: string, object: JsonObject) => JsonObject = (_, object) => object;
  #version = 100;

  put(path: string, object: JsonObject): void {
    this.#version += 1;
    const metadata = field(object, 'metadata');
    const versioned = { ...(isJsonObject(metadata) ? metadata : {}), resourceVersion: String(this.#version) };
    this.objects.set(path, { ...object, metadata: versioned });
  }

  get(...path: string[]): Json | undefined {
    return field(this.objects.get(path[0] ?? ''), ...path.slice(1));
  }

  readonly handler = (asked: Asked): Said | 'hang' | 'drop' => {
    this.asked.push(asked);
    const said = this.instead(asked) ?? this.#answer(asked);
    if (typeof said === 'string') return said;
    return { ...said, headers: { date: new Date(this.time).toUTCString(), ...said.headers } };
  };

  #answer(asked: Asked): Said {
    const path = asked.path.split('?')[0] ?? '';
    if (path === '/readyz') return { body: 'ok' };
    if (asked.method === 'PATCH') return this.#patch(path, asked);
    if (asked.method === 'DELETE') return this.#remove(path);
    const object = this.objects.get(path);
    if (object !== undefined) return { body: object };
    // A collection ends with a plural, an object of this fake with a name that is there.
    const items = [...this.objects].filter(([place]) => place.slice(0, place.lastIndexOf('/')) === path);
    const isCollection = /\/(nodes|pods|events|namespaces|leases)$/.test(path);
    if (items.length > 0 || isCollection) return { body: { items: items.map(([, item]) => item) } };
    return { status: 404, body: { message: `${path} not found` } };
  }

  #patch(path: string, { headers, body }: Asked): Said {
    const live = this.objects.get(path);
    if (headers['content-type'] === 'application/apply-patch+yaml') {
      this.put(path, this.admit(path, merged(live ?? {}, body) as JsonObject));
      return { status: live === undefined ? 201 : 200, body: this.objects.get(path) ?? null };
    }
    if (live === undefined) return { status: 404, body: { message: `${path} not found` } };
    const wanted = textAt(body, 'metadata', 'resourceVersion');
    if (wanted !== '' && wanted !== textAt(live, 'metadata', 'resourceVersion')) {
      return { status: 409, body: { message: 'the object has been modified' } };
    }
    this.put(path, merged(live, body) as JsonObject);
    return { body: this.objects.get(path) ?? null };
  }

  /** With everything below it, as a namespace goes. */
  #remove(path: string): Said {
    if (!this.objects.has(path)) return { status: 404, body: { message: `${path} not found` } };
    for (const place of [...this.objects.keys()]) {
      if (place === path || place.startsWith(`${path}/`)) this.objects.delete(place);
    }
    return { body: {} };
  }
}
