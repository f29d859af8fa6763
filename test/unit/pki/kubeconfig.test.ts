import { load } from 'js-yaml';
import { Secret } from '../../../src/model/secret.ts';
import { operatorKubeconfig } from '../../../src/pki/kubeconfigMerge.ts';

const base64 = (value: string): string => Buffer.from(value).toString('base64');

test('the kubeconfig holds everything inside, and names that mean something in YAML stay names', () => {
  const body = operatorKubeconfig({
    cluster: 'prod: "east"',
    clusterId: '0123456789012345',
    server: 'https://[fd00::1]:6443',
    ca: 'CA\nANOTHER CA\n',
    user: 'on',
    certificate: 'CERT\n'.repeat(100),
    key: new Secret('KEY\n'),
    context: '1_000',
    namespace: 'null',
  });
  const text = body.reveal();
  expect(load(text)).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'prod: "east"',
        cluster: {
          server: 'https://[fd00::1]:6443',
          'certificate-authority-data': base64('CA\nANOTHER CA\n'),
          extensions: [{ name: 'kbin', extension: { clusterId: '0123456789012345' } }],
        },
      },
    ],
    users: [
      {
        name: 'on',
        user: {
          'client-certificate-data': base64('CERT\n'.repeat(100)),
          'client-key-data': base64('KEY\n'),
        },
      },
    ],
    contexts: [{ name: '1_000', context: { cluster: 'prod: "east"', user: 'on', namespace: 'null' } }],
    'current-context': '1_000',
  });
  // kubectl reads YAML 1.1, where these would be no text.
  for (const word of ['"on"', '"1_000"', '"null"', '"0123456789012345"']) expect(text).toContain(word);
  expect(String(body)).toBe('***');
});
