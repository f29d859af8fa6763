import sequencer from '@jest/test-sequencer';

const Sequencer = sequencer.default ?? sequencer;

/** Suites of the fault harness take longest: begun last, they would keep one processor busy while the others are idle. */
export default class SlowFirst extends Sequencer {
  sort(tests) {
    const isSlow = ({ path }) => path.includes('/test/fake/');
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
}
