import { z } from 'zod';
import { shown } from '../fault.ts';
import { didYouMean } from '../suggest.ts';

/**
 * The pieces that the schema is made of. Every message has two lines: what is wrong, and what to write instead
 * (issues.ts takes them apart).
 */

/** What zod hands to an error function, as far as it is used. */
interface Issue {
  input?: unknown;
  code?: string;
}

/** Message for a value that is not `what`; `write` is the sentence that helps. */
export const wrong =
  (what: string, write: string) =>
  ({ input }: Issue): string => {
    if (input === undefined) return `missing.\n${write}`;
    if (input === null) return `no value.\n${write}`;
    return `${shown(input)} is not ${what}.\n${write}`;
  };

/** A string of a form. What YAML reads as a number or as true only lacks quotes. */
export function text(form: RegExp, what: string, write: string) {
  const error = (issue: Issue): string => {
    const lacksQuotes = ['number', 'boolean'].includes(typeof issue.input) && form.test(String(issue.input));
    return wrong(what, lacksQuotes ? `Put it in quotes: "${String(issue.input)}".` : write)(issue);
  };
  return z.string({ error }).regex(form, { error });
}

/** A whole number within limits. */
export function whole(from: number, to: number, what: string) {
  const error = (issue: Issue): string => {
    const hasQuotes = typeof issue.input === 'string' && /^\d+$/.test(issue.input);
    return wrong(what, hasQuotes ? 'Write it without quotes.' : `Write a whole number from ${from} to ${to}.`)(issue);
  };
  return z.int({ error }).min(from, { error }).max(to, { error });
}

export const port = () => whole(1, 65535, 'a port');

export const flag = () => z.boolean({ error: wrong('true or false', 'Write true or false, without quotes.') });

/** One of some words. */
export const choice = <const Words extends readonly string[]>(words: Words, what: string) =>
  z.enum(words, {
    error: ({ input }) => wrong(what, didYouMean(typeof input === 'string' ? input : '', words))({ input }),
  });

export const list = <Item extends z.ZodType>(item: Item, write: string) =>
  z.array(item, { error: wrong('a list', write) });

/** A mapping with free keys of a form. */
export const mapping = <Key extends z.ZodType<string>, Value extends z.ZodType>(
  key: Key,
  value: Value,
  write: string,
) => z.record(key, value, { error: wrong('a mapping', write) });

/**
 * A mapping with fixed keys. For unknown keys the message is the list of the known ones, one a line: which one was
 * meant is found where the key is (issues.ts).
 */
export const section = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? Object.keys(shape).join('\n')
        : wrong(
            'a mapping',
            `Write keys and values here, such as ${Object.keys(shape).slice(0, 3).join(', ')}.`,
          )(issue),
  });

interface About {
  /** What holds when it is left out: a value, or in words where it follows from something else. */
  default?: unknown;
  otherwise?: string;
  examples?: unknown[];
}

/** A key that may be left out. The default is documentation here; expand.ts applies it. */
export const may = <Schema extends z.ZodType>(schema: Schema, description: string, about: About = {}) =>
  schema.optional().meta({ description, ...about });

/** A key that must be there. */
export const must = <Schema extends z.ZodType>(schema: Schema, description: string, about: About = {}) =>
  schema.meta({ description, ...about });
