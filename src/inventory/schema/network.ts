import { z } from 'zod';
import { DEFAULTS } from '../defaults.ts';
import { didYouMean } from '../suggest.ts';
import { dnsName, network as cidr, target } from './texts.ts';
import { choice, may, must, port, section, whole, wrong } from './words.ts';

const { network: defaults } = DEFAULTS;

const flannel = section({
  name: must(z.literal('flannel'), 'flannel as a program under systemd.'),
  backend: may(
    choice(['vxlan', 'host-gw'], 'a backend of flannel'),
    'vxlan works everywhere. host-gw is faster and needs all hosts in one layer 2 network.',
    { default: defaults.backend },
  ),
});
const none = section({
  name: must(z.literal('none'), 'No network plugin: Nodes stay NotReady until you install one.'),
});

function cniError({ input }: { input?: unknown }): string {
  if (typeof input !== 'object' || input === null) {
    return wrong('a mapping', 'Write name: flannel or name: none under it.')({ input });
  }
  const name = 'name' in input ? input.name : undefined;
  const fix = didYouMean(typeof name === 'string' ? name : '', ['flannel', 'none']);
  return wrong('a network plugin that kbin installs', fix)({ input: name });
}

export const network = section({
  podCidr: may(cidr('10.244.0.0/16'), 'Addresses of all pods. Must not overlap anything that the hosts reach.', {
    default: defaults.podCidr,
  }),
  serviceCidr: may(
    cidr('10.96.0.0/16'),
    'Addresses of Services, from /12 to /28. The first is the API, the tenth DNS.',
    {
      default: defaults.serviceCidr,
    },
  ),
  nodePrefix: may(whole(8, 29, 'a prefix length'), 'Prefix length of each node’s part of podCidr. 24 has 254 pods.', {
    default: defaults.nodePrefix,
  }),
  dnsDomain: may(dnsName(), 'Domain of the cluster’s DNS.', { default: defaults.dnsDomain }),
  proxyMode: may(
    choice(['nftables', 'iptables'], 'a mode of kube-proxy'),
    'How kube-proxy forwards Services. nftables needs kernel 5.13 and the program nft on the hosts.',
    { default: defaults.proxyMode },
  ),
  cni: may(z.discriminatedUnion('name', [flannel, none], { error: cniError }), 'The network plugin.', {
    default: { name: 'flannel', backend: defaults.backend },
  }),
});

export const endpoint = section({
  host: must(target(), 'Name or address of a load balancer or DNS entry in front of the control plane.', {
    examples: ['api.example.com'],
  }),
  port: may(port(), 'Port there.', { otherwise: 'apiPort' }),
});
