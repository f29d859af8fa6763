import { DEFAULTS } from '../defaults.ts';
import { complaint, keyComplaint, quoted } from '../fault.ts';
import { textInFile } from '../operatorFiles.ts';
import { readYaml } from '../positions.ts';
import { clusterIssuer } from './documents.ts';
import { orDefault, type Check } from './ground.ts';
import { issuerComplaints, urlComplaints } from './jwt.ts';

/** Without one of these, Go's HTTP/2 refuses to serve. Source: golang.org/x/net/http2, ConfigureServer. */
const HTTP2 = /^TLS_ECDHE_(?:RSA|ECDSA)_WITH_AES_128_GCM_SHA256$/;

export const checkTls: Check = ({ draft: { tls, certificates } }) => {
  const suites = tls?.cipherSuites;
  if (suites === undefined) return [];
  const path = ['tls', 'cipherSuites'];
  if (tls?.minVersion === 'VersionTLS13') {
    return [keyComplaint(path, 'the suites of TLS 1.3 cannot be chosen.', 'Remove the list, or write VersionTLS12.')];
  }
  const twice = suites.flatMap((suite, index) =>
    suite === undefined || suites.indexOf(suite) === index
      ? []
      : [complaint([...path, index], `${quoted(suite)} stands here twice.`, 'Write it once.')],
  );
  // What is at fault could be the one that is looked for.
  if (suites.includes(undefined)) return twice;
  const algorithm = orDefault(certificates, 'algorithm', DEFAULTS.certificates.algorithm);
  const key = algorithm?.startsWith('RSA') === true ? 'RSA' : 'ECDSA';
  return [
    ...twice,
    ...(suites.some((suite) => HTTP2.test(suite ?? ''))
      ? []
      : [
          complaint(
            path,
            'HTTP/2 needs a suite that is not here, and no server would start.',
            `Add TLS_ECDHE_${key}_WITH_AES_128_GCM_SHA256.`,
          ),
        ]),
    ...(algorithm === undefined || suites.some((suite) => suite?.startsWith(`TLS_ECDHE_${key}_`))
      ? []
      : [
          complaint(
            path,
            `none of them works with keys of ${algorithm}: clients of TLS 1.2 could not connect.`,
            `Add TLS_ECDHE_${key}_WITH_AES_128_GCM_SHA256.`,
          ),
        ]),
  ];
};

export const checkAuditWebhook: Check = ({ draft: { audit } }) => {
  const { mode, batch } = audit?.webhook ?? {};
  const path = ['audit', 'webhook', 'batch'];
  if (batch === undefined) return [];
  if (mode !== undefined && mode !== 'batch') {
    return [keyComplaint(path, `the mode ${mode} sends no batches.`, 'Remove it, or write mode: batch.')];
  }
  if (batch.throttle !== false) return [];
  return (['throttleQps', 'throttleBurst'] as const).flatMap((key) =>
    key in batch ? [keyComplaint([...path, key], 'throttle is false.', 'Remove one of them.')] : [],
  );
};

export const checkIssuers: Check = (ground) => {
  const issuers = ground.draft.authentication?.oidc ?? [];
  const path = ['authentication', 'oidc'];
  return [
    ...issuers.flatMap((issuer, index) => (issuer === undefined ? [] : issuerComplaints([...path, index], issuer))),
    ...issuers.flatMap((issuer, index) =>
      (issuer?.audiences ?? []).flatMap((audience, at, all) =>
        audience === undefined || all.indexOf(audience) === at
          ? []
          : [complaint([...path, index, 'audiences', at], `${quoted(audience)} stands here twice.`, 'Write it once.')],
      ),
    ),
    ...urlComplaints(
      issuers.map((issuer, index) => ({
        url: issuer?.issuerUrl,
        discovery: issuer?.discoveryUrl,
        at: [...path, index, 'issuerUrl'],
        discoveryAt: [...path, index, 'discoveryUrl'],
      })),
      clusterIssuer(ground),
    ),
  ];
};

interface Configuration {
  anonymous?: unknown;
  jwt?: ({ issuer?: { url?: unknown } | null } | null)[] | null;
}

/** What the inventory adds to a configuration must not be in it. What is wrong inside it is told elsewhere. */
export const checkConfigFile: Check = ({ draft: { authentication = {} }, world }) => {
  const { configFile, oidc = [] } = authentication;
  const text = configFile === undefined ? '' : textInFile(world, configFile);
  const source = typeof text === 'string' ? readYaml(text) : {};
  const whole: Configuration = 'value' in source && typeof source.value === 'object' ? (source.value ?? {}) : {};
  const urls = Array.isArray(whole.jwt) ? whole.jwt.map((one) => one?.issuer?.url) : [];
  return [
    ...('anonymous' in authentication && 'anonymous' in whole
      ? [keyComplaint(['authentication', 'anonymous'], 'configFile has its own anonymous.', 'Keep one of them.')]
      : []),
    ...oidc.flatMap((issuer, index) =>
      issuer?.issuerUrl !== undefined && urls.includes(issuer.issuerUrl)
        ? [
            complaint(
              ['authentication', 'oidc', index, 'issuerUrl'],
              'it is in configFile as well.',
              'Keep one of them.',
            ),
          ]
        : [],
    ),
  ];
};
