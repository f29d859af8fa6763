import { jest } from '@jest/globals';

export interface Printed {
  out: string;
  err: string;
}

/** Runs something and takes what it prints, instead of the screen. */
export async function printed<T>(run: () => Promise<T>): Promise<Printed & { result: T }> {
  const taken: Printed = { out: '', err: '' };
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((taken.out += String(text)), true)),
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((taken.err += String(text)), true)),
    jest.spyOn(console, 'log').mockImplementation((text: unknown) => void (taken.out += `${String(text)}\n`)),
  ];
  try {
    const result = await run();
    return { ...taken, result };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
