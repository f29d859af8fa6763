import { Listr, ListrTaskState } from 'listr2';
import { liveRenderer, type Stage } from './liveRenderer.ts';
import { ROW_NAMES, type Row } from './row.ts';

const STATES: Readonly<Record<Row['state'], ListrTaskState>> = {
  running: ListrTaskState.STARTED,
  done: ListrTaskState.COMPLETED,
  failed: ListrTaskState.FAILED,
  stopped: ListrTaskState.SKIPPED,
};

export interface Show extends Omit<Stage, 'refresh'> {
  /** The rows of a frame; `isLast` for the one that stays. */
  rows: (isLast: boolean) => readonly Row[];
  /** Resolves when the last frame is due. */
  until: Promise<void>;
}

/**
 * Shows rows as listr2's tasks until the promise resolves. Every row has its task from the beginning, which is how they
 * keep the order of the plan; a task without a title does not show.
 */
export async function showTasks({ rows, until, ...stage }: Show): Promise<void> {
  const refresh = (isLast: boolean): void => {
    for (const row of rows(isLast)) {
      const task = list.tasks[ROW_NAMES.indexOf(row.name)];
      if (task === undefined) continue;
      task.title = [row.text, ...row.below].join('\n');
      if (task.state !== STATES[row.state]) task.state$ = STATES[row.state];
    }
  };
  const list = new Listr(
    ROW_NAMES.map(() => ({ task: () => until })),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: liveRenderer({ ...stage, refresh }),
    },
  );
  await list.run();
}
