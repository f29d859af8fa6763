import { createInterface } from 'node:readline/promises';
import { plainText } from '../model/plainText.ts';
import { withTerminal } from './terminal.ts';

/** Where a question is asked: standard input, and standard error, which stays on the terminal when output is piped. */
export interface Asked {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

const ofProcess = (): Asked => ({
  input: process.stdin,
  output: process.stderr.isTTY ? process.stderr : process.stdout,
});

/** What was typed; undefined without a terminal, and after Ctrl-C or Ctrl-D. */
async function answerTo(question: string, { input, output }: Asked): Promise<string | undefined> {
  if (!input.isTTY || !output.isTTY) return undefined;
  return withTerminal(async () => {
    const lines = createInterface({ input, output });
    // A question that is broken off never settles by itself.
    const broken = new Promise<undefined>((resolve) => {
      lines.once('SIGINT', () => resolve(undefined));
      lines.once('close', () => resolve(undefined));
    });
    const typed = await Promise.race([lines.question(`${plainText(question)} `), broken]);
    if (typed === undefined) output.write('\n');
    lines.close();
    return typed;
  });
}

/** Asks a question that is answered with y or yes; everything else, also the want of a terminal, is no. */
export async function confirm(question: string, asked: Asked = ofProcess()): Promise<boolean> {
  const answer = await answerTo(`${question} [y/N]`, asked);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

/** Asks for a name, such as the cluster's, before what cannot be undone. True when exactly that was typed. */
export async function confirmName(question: string, expected: string, asked: Asked = ofProcess()): Promise<boolean> {
  const answer = await answerTo(question, asked);
  return answer?.trim() === expected;
}
