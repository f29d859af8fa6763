import { inspect } from 'node:util';
import { Secret } from '../../../src/model/secret.ts';
import {
  ageBytes,
  checkArmored,
  decryptBytes,
  decryptText,
  encryptBytes,
  encryptText,
  isIdentity,
  isRecipient,
  kindOf,
  newIdentity,
} from '../../../src/pki/age.ts';
import { identitiesIn } from '../../../src/pki/identityFile.ts';
import { newKeys, passphrase } from './lockSamples.ts';

const TEXT = new Secret('-----BEGIN EC PRIVATE KEY-----\nü\n');
const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcqXc8NrbtPnrwVpE4JGBAzTKUTQ1Kv9V4rpVwDsDZ3';

test.each(['recipients', 'a passphrase'])('what was encrypted for %s is opened by nobody else', async (way) => {
  const [own, other] =
    way === 'recipients' ? [await newKeys(), await newKeys()] : [passphrase('right'), passphrase('wrong')];
  const armored = await encryptText(TEXT, own.audience);
  expect(armored).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  expect((await decryptText(armored, own.identity))?.reveal()).toBe(TEXT.reveal());
  expect(await decryptText(armored, other.identity)).toBeUndefined();
});

test('every recipient opens it, and one identity of several is enough', async () => {
  const [first, second, stranger] = [await newKeys(), await newKeys(), await newKeys()];
  const armored = await encryptText(TEXT, { recipients: [first.recipient, second.recipient] });
  for (const { identity } of [first, second]) expect(await decryptText(armored, identity)).toBeDefined();
  const both = { keys: [new Secret(stranger.text), new Secret(second.text)] };
  expect(await decryptText(armored, both)).toBeDefined();
});

test('what is cut off or changed anywhere is damaged, not foreign, and nothing of it is told', async () => {
  const { audience, identity, text } = await newKeys();
  const whole = await encryptBytes(Buffer.from('x'.repeat(70_000)), audience);
  const cuts = [0, 1, 21, 30, 90, 150, 190, 200, 216, 230, 65_000, 65_752, 65_768, whole.length - 1];
  for (const cut of cuts) {
    const error: unknown = await decryptBytes(whole.subarray(0, cut), identity).catch((caught: unknown) => caught);
    expect({ cut, message: error instanceof Error ? error.message : error }).toEqual({
      cut,
      message: 'is damaged, or only part of a file that age encrypted',
    });
    expect(inspect(error, { depth: 9 })).not.toContain(text.slice(16));
  }
  const changed = Buffer.from(whole);
  changed[300] = changed[300]! ^ 1;
  await expect(decryptBytes(changed, identity)).rejects.toThrow('is damaged');
});

test('a text that lost a line is seen without an identity', async () => {
  const { audience } = await newKeys();
  const armored = await encryptText(TEXT, audience);
  expect(() => checkArmored(armored)).not.toThrow();
  for (const damaged of ['', 'x', armored.slice(0, -10), armored.slice(0, 120), armored.slice(1)]) {
    expect(() => checkArmored(damaged)).toThrow('is damaged');
  }
  const other = armored.replace(/\n\S+\n/, `\n${Buffer.from('x'.repeat(48)).toString('base64')}\n`);
  expect(() => checkArmored(other)).toThrow('is damaged');
});

test('the head of a file tells what opens it, also of a text', async () => {
  const [keys, words] = [await newKeys(), passphrase('right')];
  expect(kindOf(await encryptBytes(Buffer.from(''), keys.audience))).toBe('keys');
  expect(kindOf(await encryptBytes(Buffer.from(''), words.audience))).toBe('passphrase');
  expect(kindOf(ageBytes(Buffer.from(await encryptText(TEXT, words.audience))))).toBe('passphrase');
  for (const other of ['', 'PK', 'age-encryption.org/v2\n-> scrypt x', 'age-encryption.org/v1\n--- x']) {
    expect(kindOf(Buffer.from(other))).toBeUndefined();
  }
});

test('recipients are those whose identities kbin can use', async () => {
  const { recipient } = await newIdentity();
  expect(await isRecipient(recipient)).toBe(true);
  const wrong = [
    '',
    'age1',
    recipient.slice(0, -1),
    `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`,
    recipient.toUpperCase(),
    ` ${recipient}`,
    'age1tag1qqqq',
    'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t',
    SSH,
  ];
  for (const text of wrong) expect({ text, is: await isRecipient(text) }).toEqual({ text, is: false });
});

describe('an identity file', () => {
  test('has comments, empty lines and ends of lines from elsewhere', async () => {
    const [first, second] = [await newKeys(), await newKeys()];
    const file = `# created: 2026\r\n# public key: ${first.recipient}\r\n${first.text}\r\n\r\n  ${second.text}  \n`;
    expect((await identitiesIn(new Secret(file), 'key.txt')).map((key) => key.reveal())).toEqual([
      first.text,
      second.text,
    ]);
  });

  test.each([
    ['nothing', () => '# none\n', 'key.txt has no age identity'],
    ['a recipient', ({ recipient }: { recipient: string }) => recipient, 'key.txt:1 is no age identity'],
    ['a damaged one', ({ text }: { text: string }) => `\n${text.slice(0, -1)}`, 'key.txt:2 is no age identity'],
    [
      'a changed one',
      ({ text }: { text: string }) => text.replace(/.$/, text.endsWith('Q') ? 'P' : 'Q'),
      'key.txt:1 is no',
    ],
    ['small letters', ({ text }: { text: string }) => text.toLowerCase(), 'key.txt:1 is no age identity'],
    ['a plugin’s', () => 'AGE-PLUGIN-YUBIKEY-1QQQ', 'key.txt:1 is no age identity'],
  ])('with %s is refused by its line, and never quoted', async (_, textOf, message) => {
    const keys = await newKeys();
    const refused: unknown = await identitiesIn(new Secret(textOf(keys)), 'key.txt').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'PKI', message: expect.stringContaining(message) });
    expect(inspect(refused, { depth: 9 }).toUpperCase()).not.toContain(keys.text.slice(20, -2));
    expect(await isIdentity(new Secret(keys.text))).toBe(true);
  });
});
