import { textAt } from '../httpJson.ts';
import { PUBLISHED_AUTHORITIES, publishedAuthorities } from '../publishedAuthorities.ts';
import { ofCluster, passed, refused, type Probe } from './probe.ts';

/** Certificates of a bundle, in no order. */
const certificatesIn = (bundle: string): string =>
  (bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).sort().join();

/** What kube-apiservers publish for extension apiservers names exactly the authorities that are trusted now. */
export const published: Probe = (context) =>
  ofCluster(context, async () => {
    const [wanted, answer] = await Promise.all([
      publishedAuthorities(context.pki),
      context.api.get(PUBLISHED_AUTHORITIES),
    ]);
    const wrong = Object.entries(wanted)
      .filter(([key, bundle]) => certificatesIn(textAt(answer.body, 'data', key)) !== certificatesIn(bundle))
      .map(([key]) => key);
    return wrong.length === 0
      ? passed('extension-apiserver-authentication is right')
      : refused(`extension-apiserver-authentication holds other authorities in ${wrong.join(', ')}`);
  });
