/** Who paints on the terminal now. There is one terminal in a process, and a question must not be painted over. */
export interface Painter {
  /** Resolves when the screen is at rest: the cursor stands on an empty line, and nothing is written until `resume`. */
  rest(): Promise<void>;
  resume(): void;
}

let current: Painter | undefined;

export const setPainter = (painter: Painter): void => {
  current = painter;
};

/** Forgets this painter, unless another took its place already. */
export const removePainter = (painter: Painter): void => {
  if (current === painter) current = undefined;
};

/** Does something that needs the terminal for itself, such as asking. */
export async function withTerminal<T>(work: () => Promise<T>): Promise<T> {
  const painter = current;
  await painter?.rest();
  try {
    return await work();
  } finally {
    painter?.resume();
  }
}
