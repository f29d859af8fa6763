import {
  constructFromEvents,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
  type Event,
} from 'js-yaml';
import { complaint, type Complaint, type Path } from './fault.ts';

/** Both from 1; columns count UTF-16 units, as editors do. */
export interface Position {
  line: number;
  column: number;
}

/** One value of the file and where it stands. */
interface Place {
  /** Offset of the key; absent for list items and the root. */
  key?: number;
  /** Offset of the value; that of the key for an empty value. */
  value: number;
  /** Text of a value without quotes, as it stands there. */
  plain?: string;
  children: Map<string | number, Place>;
}

export interface Source {
  value: unknown;
  /** Where a path stands; for a path that is missing, its nearest parent. */
  positionOf: (path: Path, at: Complaint['at']) => Position;
  /** The text of a value without quotes, which YAML may have read as a number. */
  plainTextOf: (path: Path) => string | undefined;
  /** Keys that occur twice. */
  complaints: Complaint[];
}

export interface SyntaxFault extends Position {
  message: string;
  fix: string;
}

/**
 * Reads one YAML document with the position of every key and value. What YAML itself refuses, and anchors, aliases
 * and merge keys, are syntax faults.
 */
export function readYaml(text: string): Source | SyntaxFault {
  try {
    const events = parseEvents(text, {});
    const documents = constructFromEvents(events, { source: text, json: true });
    const refused = refusedEvent(events, text) ?? (documents.length === 1 ? undefined : countFault(events, text));
    if (refused !== undefined) return refused;
    const walk = new Walk(events, text);
    const root = walk.place([], undefined);
    return {
      value: documents[0],
      complaints: walk.complaints,
      positionOf: (path, at) => locate(text, root, path, at),
      plainTextOf: (path) => path.reduce<Place | undefined>((place, step) => place?.children.get(step), root)?.plain,
    };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line = 0, column = 0 } = error.mark ?? {};
    return {
      line: line + 1,
      column: column + 1,
      message: `YAML: ${error.reason}.`,
      fix: 'Look at the indentation and the quotes here.',
    };
  }
}

/** Position of an offset. Lines end as in YAML: LF, CR, or both. */
export function positionAt(text: string, offset: number): Position {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
}

function locate(text: string, root: Place, path: Path, at: Complaint['at']): Position {
  let place = root;
  for (const step of path) {
    const child = place.children.get(step);
    if (child === undefined) return positionAt(text, place.key ?? place.value);
    place = child;
  }
  return positionAt(text, at === 'key' ? (place.key ?? place.value) : place.value);
}

/** Aliases hide where a value comes from, and a few of them can stand for more text than memory holds. */
function refusedEvent(events: readonly Event[], text: string): SyntaxFault | undefined {
  const found = events.find((event) => 'anchorStart' in event && event.anchorStart !== -1);
  if (found === undefined || !('anchorStart' in found)) return undefined;
  return {
    // The offset is that of the name, one after & or *.
    ...positionAt(text, found.anchorStart - 1),
    message: 'YAML anchors and aliases are not supported.',
    fix: 'Write the value out, or share settings through a pool.',
  };
}

function countFault(events: readonly Event[], text: string): SyntaxFault {
  const starts = events.flatMap((event, index) => (event.type === EVENT_ID.DOCUMENT ? [events[index + 1]] : []));
  const second = starts[1];
  if (second === undefined) {
    return {
      line: 1,
      column: 1,
      message: 'the file is empty.',
      fix: 'Let kbin init write one, or start from inventory/single.yaml.',
    };
  }
  return {
    ...positionAt(text, offsetOf(second) ?? 0),
    message: `the file holds ${starts.length} YAML documents, and an inventory is one.`,
    fix: 'Remove the line --- and put each cluster into a file of its own.',
  };
}

function offsetOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.SCALAR) {
    if (event.valueStart === -1) return undefined;
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    return isQuoted ? event.valueStart - 1 : event.valueStart;
  }
  return event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING ? event.start : undefined;
}

/** Goes through the events of one document in the order of the text. */
class Walk {
  readonly complaints: Complaint[] = [];
  readonly #events: readonly Event[];
  readonly #text: string;
  // The first event opens the document.
  #next = 1;

  constructor(events: readonly Event[], text: string) {
    this.#events = events;
    this.#text = text;
  }

  place(path: Path, key: number | undefined): Place {
    const event = this.#take();
    const value = offsetOf(event) ?? key ?? 0;
    const place: Place = { value, children: new Map(), ...(key === undefined ? {} : { key }) };
    if (event.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN) {
      place.plain = getScalarValue(this.#text, event);
    }
    if (event.type === EVENT_ID.SEQUENCE) this.#items(place, path);
    if (event.type === EVENT_ID.MAPPING) this.#pairs(place, path);
    return place;
  }

  #items(place: Place, path: Path): void {
    for (let index = 0; !this.#isClosed(); index += 1) {
      place.children.set(index, this.place([...path, index], undefined));
    }
  }

  #pairs(place: Place, path: Path): void {
    while (!this.#isClosed()) {
      const event = this.#take();
      // constructFromEvents has refused keys that are not scalars.
      if (event.type !== EVENT_ID.SCALAR) throw new Error('a YAML key that is not a scalar');
      const name = getScalarValue(this.#text, event);
      const own = [...path, name];
      const child = this.place(own, offsetOf(event) ?? place.value);
      const first = place.children.get(name)?.key;
      if (first !== undefined) this.#complainOfSecond(own, first);
      else if (name === '__proto__')
        this.complaints.push({ ...complaint(own, 'a reserved word.', 'Choose another key.'), at: 'key' });
      // The position of the second one replaces the first, as its value does.
      place.children.set(name, child);
    }
  }

  #complainOfSecond(path: Path, first: number): void {
    const { line } = positionAt(this.#text, first);
    this.complaints.push({
      path,
      at: 'key',
      message: `the key stands here a second time; the first is in line ${line}.`,
      fix: 'Keep one of them.',
    });
  }

  #isClosed(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next += 1;
    return true;
  }

  #take(): Event {
    const event = this.#events[this.#next];
    if (event === undefined) throw new Error('the YAML events end early');
    this.#next += 1;
    return event;
  }
}
