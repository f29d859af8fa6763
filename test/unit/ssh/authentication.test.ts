import type { KeyboardInteractiveAuthMethod, ParsedKey } from 'ssh2';
import { Secret } from '../../../src/model/secret.ts';
import { Authentication } from '../../../src/ssh/authentication.ts';

const key = (path: string) => ({ path, key: {} as ParsedKey, fingerprint: 'SHA256:x' });
const password = new Secret('poison');
const types = (authentication: Authentication, offers: (string[] | null)[]) =>
  offers.map((offered) => {
    const method = authentication.next(offered);
    return method === false ? false : method.type;
  });

test('keys come first, then the agent, then the password', () => {
  const authentication = new Authentication('ops', { keys: [key('/a'), key('/b')], agent: '/agent', password });
  const offer = ['publickey', 'password'];
  expect(types(authentication, [null, offer, offer, offer, offer])).toEqual([
    'publickey',
    'publickey',
    'agent',
    'password',
    false,
  ]);
});

test('what the server does not offer is not tried', () => {
  const authentication = new Authentication('ops', { keys: [key('/a'), key('/b')], agent: '/agent', password });
  expect(types(authentication, [null, ['password'], ['password']])).toEqual(['publickey', 'password', false]);
});

test('before a password the server is asked what it takes', () => {
  const authentication = new Authentication('ops', { keys: [], password });
  expect(types(authentication, [null, ['keyboard-interactive'], ['keyboard-interactive']])).toEqual([
    'none',
    'keyboard-interactive',
    false,
  ]);
});

test('the password goes out once, by one method', () => {
  const authentication = new Authentication('ops', { keys: [], password });
  const offer = ['password', 'keyboard-interactive'];
  expect(types(authentication, [null, offer, offer])).toEqual(['none', 'password', false]);
  expect(authentication.usesPassword).toBe(true);
});

test('a second question, or one that is no password, is not answered', () => {
  const authentication = new Authentication('ops', { keys: [], password });
  authentication.next(null);
  const method = authentication.next(['keyboard-interactive']) as KeyboardInteractiveAuthMethod;
  const answers: string[][] = [];
  const ask = (...prompts: { prompt: string; echo?: boolean }[]) =>
    method.prompt('', '', '', prompts, (given) => answers.push(given));
  ask({ prompt: 'Name:', echo: true });
  ask({ prompt: 'Password: ', echo: false });
  ask({ prompt: 'Password: ', echo: false });
  ask({ prompt: 'New password: ', echo: false }, { prompt: 'Again: ', echo: false });
  expect(answers).toEqual([[], ['poison'], [], []]);
  expect(authentication.fault('ops@box', 'box').evidence).toContain('the server asked: New password:');
});

test('the fault tells what was tried and what could not be, and no secret', () => {
  const closed = { path: '/c', reason: 'is not there' };
  const authentication = new Authentication('ops', { keys: [key('/a'), closed], password });
  types(authentication, [null, ['publickey', 'password'], ['publickey', 'password']]);
  const fault = authentication.fault('ops@box port 22', 'box');
  expect(fault.message).toBe(
    'ops@box port 22 does not let ops in. Tried: /a (SHA256:x); password. The server offers publickey, password.',
  );
  expect(fault).toMatchObject({ code: 'AUTH', host: 'box', evidence: ['/c is not there'] });
  expect(JSON.stringify(fault) + fault.message).not.toContain('poison');
});
