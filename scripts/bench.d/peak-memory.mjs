// Loaded into a program by NODE_OPTIONS=--import: when the process ends, its peak resident memory in bytes is added as
// a line to the file of KBIN_BENCH_PEAKS. Processes that it starts inherit both, so that all of them are counted.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['KBIN_BENCH_PEAKS'];
// Threads share their process's memory, and are counted with it.
if (file !== undefined && isMainThread) {
  process.on('exit', () => {
    // maxRSS is in kilobytes (getrusage(2)).
    appendFileSync(file, `${process.resourceUsage().maxRSS * 1024}\n`);
  });
}
