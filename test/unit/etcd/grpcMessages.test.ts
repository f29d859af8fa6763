import fc from 'fast-check';
import { fieldsOf, framed, MalformedError, MessageCutter } from '../../../src/etcd/grpcMessages.ts';
import { readSnapshotResponse } from '../../../src/etcd/snapshotStream.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

test('messages are the same however they arrive', () => {
  fc.assert(
    fc.property(
      fc.array(bytes, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (messages, cuts) => {
        const body = Buffer.concat(messages.map(framed));
        const cutter = new MessageCutter();
        const found: Buffer[] = [];
        for (let at = 0, turn = 0; at < body.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          found.push(...cutter.take(body.subarray(at, at + length)));
          at += length;
        }
        expect(found).toEqual(messages);
        expect(cutter.isWhole).toBe(true);
      },
    ),
  );
});

test('a message that has not all come is seen', () => {
  const whole = framed(Buffer.from('message'));
  for (let length = 1; length < whole.length; length += 1) {
    const cutter = new MessageCutter();
    expect([...cutter.take(whole.subarray(0, length))]).toEqual([]);
    expect(cutter.isWhole).toBe(false);
  }
});

test.each<[string, number[]]>([
  ['compressed', [1, 0, 0, 0, 1, 0]],
  ['of four gigabytes', [0, 255, 255, 255, 255, 0]],
])('a message that is %s is refused', (_, prefix) => {
  expect(() => [...new MessageCutter().take(Buffer.from(prefix))]).toThrow(MalformedError);
});

test('fields that nobody asked for are passed over', () => {
  const response = Buffer.from([
    ...[0x0a, 3, 1, 2, 3], // header
    ...[0x10, 0x80, 0x80, 0x80, 0x80, 0x20], // 8 GiB remaining
    ...[0x1a, 2, 65, 66], // blob
    ...[0x22, 5, ...Buffer.from('3.6.0')],
    ...[0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x35, 1, 2, 3, 4, 0xf8, 0x01, 7], // of later versions
  ]);
  expect(readSnapshotResponse(response)).toEqual({ remainingBytes: 2 ** 33, blob: Buffer.from('AB') });
  expect(readSnapshotResponse(Buffer.alloc(0))).toEqual({ remainingBytes: 0, blob: Buffer.alloc(0) });
});

test.each([[[0x10]], [[0x10, 0x80]], [[0x1a, 5, 1]], [[0x1b]], [[0x10, ...Array<number>(10).fill(0x80)]], [[0x29, 1]]])(
  'what is no message is refused: %j',
  (message) => {
    expect(() => [...fieldsOf(Buffer.from(message))]).toThrow(MalformedError);
  },
);

test('anything at all is read or refused, and comes to an end', () => {
  fc.assert(
    fc.property(bytes, (message) => {
      try {
        for (const { number } of fieldsOf(message)) expect(number).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }),
  );
});
