import { plainLine } from '../model/plainText.ts';

/** A thousand hosts may warn of the same thing. */
const TOLD = 3;

/** Warnings as lines, the same one for a few hosts only; the others are counted. */
export class Warnings {
  readonly #told = new Map<string, number>();

  /** The line to show; undefined when it was told often enough. */
  lineOf(message: string, host: string | undefined): string | undefined {
    const text = plainLine(message);
    const told = (this.#told.get(text) ?? 0) + 1;
    this.#told.set(text, told);
    if (told > TOLD) return undefined;
    return `warning: ${host === undefined || text.includes(host) ? '' : `${host}: `}${text}`;
  }

  /** How often each was kept back. */
  rest(): string[] {
    return [...this.#told]
      .filter(([, told]) => told > TOLD)
      .map(([text, told]) => `warning: ${told - TOLD} times more: ${text}`);
  }
}
