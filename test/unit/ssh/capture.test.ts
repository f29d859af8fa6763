import { Capture } from '../../../src/ssh/capture.ts';

const chunks = ['abc', '', 'defgh', 'ij', 'klmnopqrstuvwxyz', '0'].map((text) => Buffer.from(text));
const whole = Buffer.concat(chunks).toString();

test.each([1, 4, 5, 10, 26, 27, 100])('of %i bytes keeps the beginning or the end', (limit) => {
  const head = new Capture(limit, 'head');
  const tail = new Capture(limit, 'tail');
  for (const chunk of chunks) {
    head.add(chunk);
    tail.add(chunk);
  }
  expect(head.text()).toBe(whole.slice(0, limit));
  expect(tail.text()).toBe(whole.slice(-limit));
});

test('empty output is empty text', () => {
  expect(new Capture(5, 'tail').text()).toBe('');
});
