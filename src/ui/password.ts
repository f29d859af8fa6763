import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { plainText } from '../model/plainText.ts';
import { Secret } from '../model/secret.ts';
import type { Asked } from './confirm.ts';
import { withTerminal } from './terminal.ts';

const ofProcess = (): Asked => ({ input: process.stdin, output: process.stderr });

/** Takes what readline would echo. */
const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

const TRIES = 3;

/**
 * Asks for a new password, twice, showing nothing of it. Undefined without a terminal, after Ctrl-C or Ctrl-D, for an
 * empty one, and when it was three times not the same twice.
 */
export const askNewPassword = (question: string, asked: Asked = ofProcess()): Promise<Secret | undefined> =>
  hiding(asked, (ask) => typedTwice(question, ask));

/** Asks for a password that exists already, showing nothing of it. Undefined as for a new one. */
export const askPassword = (question: string, asked: Asked = ofProcess()): Promise<Secret | undefined> =>
  hiding(asked, async (ask) => {
    const typed = await ask(question);
    return typed === undefined || typed === '' ? undefined : new Secret(typed);
  });

async function hiding<T>({ input, output }: Asked, work: (ask: Ask) => Promise<T>): Promise<T | undefined> {
  if (!input.isTTY || !output.isTTY) return undefined;
  return withTerminal(async () => {
    // As a terminal, so that the input is raw before anything is asked: the terminal itself must echo nothing either.
    const lines = createInterface({ input, output: nowhere(), terminal: true, historySize: 0 });
    try {
      return await work(hiddenAnswers(lines, output));
    } finally {
      lines.close();
    }
  });
}

type Ask = (question: string) => Promise<string | undefined>;

function hiddenAnswers(lines: Interface, output: NodeJS.WriteStream): Ask {
  // A question that is broken off never settles by itself.
  const broken = new Promise<undefined>((resolve) => {
    lines.once('SIGINT', () => resolve(undefined));
    lines.once('close', () => resolve(undefined));
  });
  return async (question) => {
    output.write(`${plainText(question)} `);
    const typed = await Promise.race([lines.question(''), broken]);
    output.write('\n');
    return typed;
  };
}

async function typedTwice(question: string, ask: Ask): Promise<Secret | undefined> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const first = await ask(attempt === 0 ? question : `These were not the same. ${question}`);
    if (first === undefined || first === '') return undefined;
    const second = await ask('Once more:');
    if (second === undefined) return undefined;
    if (first === second) return new Secret(first);
  }
  return undefined;
}
