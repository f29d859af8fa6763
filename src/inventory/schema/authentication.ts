import { z } from 'zod';
import { DEFAULTS } from '../defaults.ts';
import { localPath, oneLine } from './texts.ts';
import { choice, list, may, must, section, text, wrong } from './words.ts';

const word = (what: string, write: string) => text(/\S/, what, write);
const claim = () => word('the name of a claim', 'Write the name of a claim, such as sub.');
const expression = () => word('a CEL expression', 'Write a CEL expression, such as claims.sub.');
const line = () => oneLine('one line of text', 'Write it without line breaks and control characters.');
const prefix = () => line();

const url = (example: string) =>
  text(
    /^https:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/,
    'an https URL',
    `Write it without user, query and fragment, such as ${example}.`,
  );

const CEL = 'CEL expression over `claims`';
const prefixed = section({
  claim: may(claim(), 'Claim that holds it. Not together with expression.', { examples: ['sub'] }),
  prefix: may(prefix(), 'Put before the claim’s value, so that no issuer can name a user of another; "" for none.', {
    otherwise: 'none: to be written with claim',
    examples: ['oidc:'],
  }),
  expression: may(expression(), `${CEL}, instead of claim and prefix.`, { examples: ["'oidc:' + claims.sub"] }),
}).meta({ id: 'PrefixedClaim', description: 'What a user’s name or groups are made of.' });

const plain = section({
  claim: may(claim(), 'Claim that holds it. Not together with expression.', { examples: ['sub'] }),
  expression: may(expression(), `${CEL}, instead of claim.`, { examples: ['claims.sub'] }),
}).meta({ id: 'Claim', description: 'What a user’s uid is made of.' });

// A domain of one's own, a slash, a path; k8s.io and kubernetes.io are reserved.
const EXTRA_KEY =
  /^(?!(?:[^/]*\.)?(?:k8s|kubernetes)\.io\/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/[-a-z0-9/._~%!$&'()*+,;=:]+$/;
const extra = section({
  key: must(
    text(EXTRA_KEY, 'a key with a domain', 'Write a domain of your own in small letters, such as example.com/tenant.'),
    'Key, with a domain of your own.',
    { examples: ['example.com/tenant'] },
  ),
  valueExpression: must(expression(), `${CEL}, a text or a list of texts.`, { examples: ['claims.tenant'] }),
}).meta({ id: 'ExtraMapping', description: 'Something more about a user, for authorizers and admission.' });

export const claimMappings = section({
  username: must(prefixed, 'The user’s name.'),
  groups: may(prefixed, 'The user’s groups.'),
  uid: may(plain, 'The user’s uid.'),
  extra: may(list(extra, 'Write a list of keys and expressions.'), 'More about the user.', { default: [] }),
});

const claimRule = section({
  claim: may(claim(), 'Claim that must be there. Not together with expression.', { examples: ['hd'] }),
  requiredValue: may(line(), 'Value that the claim must have.', { otherwise: 'the empty text' }),
  expression: may(expression(), `${CEL} that must be true.`, { examples: ['claims.email_verified == true'] }),
  message: may(line(), 'Told when the expression is false.'),
}).meta({ id: 'ClaimValidationRule', description: 'What must hold of a token.' });

const userRule = section({
  expression: must(expression(), 'CEL expression over `user` that must be true.', {
    examples: ["!user.username.startsWith('system:')"],
  }),
  message: may(line(), 'Told when it is false.'),
}).meta({ id: 'UserValidationRule', description: 'What must hold of the user that a token makes.' });

export const rules = {
  claimValidationRules: may(list(claimRule, 'Write a list of rules.'), 'What must hold of a token.', { default: [] }),
  userValidationRules: may(list(userRule, 'Write a list of rules.'), 'What must hold of its user.', { default: [] }),
};

export const audiences = () =>
  list(word('an audience', 'Write the client id that the tokens are for.'), 'Write a list of client ids.').min(1, {
    error: 'an empty list.\nWrite the client ids that the tokens are for.',
  });
export const issuerUrl = () => url('https://issuer.example.com');
export const discoveryUrl = () => url('https://issuer.internal/.well-known/openid-configuration');

const issuer = section({
  issuerUrl: must(issuerUrl(), 'URL of the issuer, as tokens have it in `iss`.', {
    examples: ['https://issuer.example.com'],
  }),
  discoveryUrl: may(discoveryUrl(), 'Where its configuration is, in full.', {
    otherwise: 'issuerUrl and /.well-known/openid-configuration',
  }),
  audiences: must(audiences(), 'Client ids: a token must be for one of them.', { examples: [['kubernetes']] }),
  caFile: may(localPath(), 'Authorities of the issuer’s TLS certificate, PEM. Read on the operator’s machine.', {
    otherwise: 'those that the control planes trust',
  }),
  claimMappings: must(claimMappings, 'Who the owner of a token is.'),
  ...rules,
}).meta({ id: 'OidcIssuer', description: 'Somebody whose tokens the API servers accept.' });

export const mostIssuers = { error: 'more than 64 issuers.\nThe API servers take at most 64.' };

export const authentication = section({
  anonymous: may(
    choice(['health-paths', 'off'], 'a kind of anonymous access'),
    'What is answered without certificate and token: /livez, /readyz and /healthz, or nothing. With off, balancers cannot see whether an API server is ready.',
    { default: DEFAULTS.authentication.anonymous },
  ),
  oidc: may(list(issuer, 'Write a list of issuers.').max(64, mostIssuers), 'Issuers whose tokens are accepted.', {
    default: [],
  }),
  configFile: may(
    localPath(),
    'AuthenticationConfiguration of apiserver.config.k8s.io/v1, to which oidc is added; its own `anonymous` stays. Read on the operator’s machine.',
    { examples: ['authentication.yaml'] },
  ),
});

/** One of certain words at the head of a file of Kubernetes. */
export const head = (word: string) => z.literal(word, { error: wrong(word, `Write ${word}.`) });
