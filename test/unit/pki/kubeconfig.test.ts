import { load } from 'js-yaml';
import { operatorKubeconfig } from '../../../src/pki/kubeconfig.ts';

test('the kubeconfig holds everything inside and its context is called as the cluster', () => {
  const text = operatorKubeconfig({
    cluster: 'prod: "east"',
    server: 'https://[fd00::1]:6443',
    ca: 'CA\n',
    certificate: 'CERT\n'.repeat(100),
    key: 'KEY\n',
    user: 'kubernetes-admin',
  });
  const base64 = (value: string): string => Buffer.from(value).toString('base64');
  expect(load(text)).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'prod: "east"',
        cluster: { server: 'https://[fd00::1]:6443', 'certificate-authority-data': base64('CA\n') },
      },
    ],
    users: [
      {
        name: 'kubernetes-admin',
        user: {
          'client-certificate-data': base64('CERT\n'.repeat(100)),
          'client-key-data': base64('KEY\n'),
        },
      },
    ],
    contexts: [{ name: 'prod: "east"', context: { cluster: 'prod: "east"', user: 'kubernetes-admin' } }],
    'current-context': 'prod: "east"',
  });
});
