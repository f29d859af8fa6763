import { join } from 'node:path/posix';
import { HOST_PROGRAMS } from '../catalog/artifacts.ts';
import { PLACES } from '../catalog/places.ts';
import { HOST_PROVIDED } from '../catalog/versions.ts';
import { KbinError } from '../errors.ts';
import { hostsWith, type Json, type JsonObject } from '../model/inventory.ts';
import type { Resource, ResourceId } from '../model/resource.ts';
import { isReadyzPublic } from './authentication.ts';
import { hostPort, overrideOf, type Context } from './context.ts';
import { flagsOf, type Flags } from './flags.ts';
import { merged } from './merge.ts';
import { PKI } from './pki.ts';
import { program } from './programs.ts';
import { directory, fileId, hostProgram, textFile } from './resources.ts';
import { service } from './service.ts';

const PHASE = 'balancer';

/** Directives of the sections that `config` of the inventory can change. */
const SECTIONS: JsonObject = {
  // The worker drops to this user; the package creates it. Two file descriptors a connection fit any host's limit.
  global: { group: 'haproxy', maxconn: '4000', user: 'haproxy' },
  defaults: {
    maxconn: '4000',
    mode: 'tcp',
    option: ['clitcpka', 'dontlognull', 'redispatch', 'srvtcpka'],
    retries: '3',
    // Watches, logs and exec are long and may be silent; HTTP/2 pings keep the others alive.
    'timeout check': '2s',
    'timeout client': '4h',
    'timeout connect': '3s',
    'timeout queue': '5s',
    'timeout server': '4h',
  },
};

function directiveText(key: string, value: Json): string {
  if (typeof value !== 'object' && !/[\r\n]/.test(`${key}${value}`)) return `${key} ${value}`.trimEnd();
  throw new KbinError('INVENTORY', `components.haproxy.config: "${key}" is no directive with its arguments`, {
    hint: 'Write one line of text, or a list of such lines to repeat the directive.',
  });
}

/** Lines of one section, by directive. */
function sectionLines(section: Json | undefined): string[] {
  if (typeof section !== 'object' || section === null || Array.isArray(section)) {
    throw new KbinError('INVENTORY', 'components.haproxy.config: a section must be an object of directives', {
      hint: 'Write for example defaults: { "timeout client": 1h }.',
    });
  }
  return Object.entries(section)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((one) => directiveText(key, one)));
}

function haproxyConfig(context: Context): string {
  const { inventory, render } = context;
  const sections = merged(SECTIONS, overrideOf(context, 'haproxy').config);
  const unknown = Object.keys(sections).find((name) => !(name in SECTIONS));
  if (unknown !== undefined) {
    throw new KbinError('INVENTORY', `components.haproxy.config.${unknown}: only global and defaults can be changed`, {
      hint: 'The other sections are made from the list of control planes.',
    });
  }
  return render('haproxy/haproxy.cfg.hbs', {
    global: sectionLines(sections['global']),
    defaults: sectionLines(sections['defaults']),
    port: inventory.balancerPort,
    alivePort: inventory.balancerPort + 1,
    ca: PKI.rootCa,
    readyStatus: isReadyzPublic(context) ? '200' : '200,401',
    servers: hostsWith(inventory, 'control-plane').map(
      (host) => `${host.name} ${hostPort(host.address, inventory.apiPort)}`,
    ),
  });
}

/** haproxy of the host's packages, or one of the cache when the inventory names a version. */
function haproxyProgram(context: Context): { resource: Resource; path: string; inputs: ResourceId[] } {
  if (context.inventory.versions.haproxy !== HOST_PROVIDED) {
    const binary = { ...program(context, 'haproxy', 'haproxy'), phase: PHASE } as const;
    return { resource: binary, path: binary.link, inputs: [binary.id] };
  }
  return { resource: hostProgram(PHASE, 'haproxy'), path: HOST_PROGRAMS.haproxy.path, inputs: [] };
}

/** haproxy's flags have one dash, and their value is a word of its own. */
const haproxyWords = (flags: Flags): string[] =>
  Object.entries(flags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      const values = value === null ? [] : typeof value === 'string' ? [value] : value;
      return values.flatMap((one) => (one === '' ? [`-${name}`] : [`-${name}`, one]));
    });

/** The node's own way to every apiserver: haproxy on 127.0.0.1 with active health checks. */
export function haproxyResources(context: Context): Resource[] {
  const { resource, path, inputs } = haproxyProgram(context);
  const config = textFile(PHASE, join(PLACES.haproxyConfig, 'haproxy.cfg'), haproxyConfig(context));
  const flags = flagsOf(context, 'haproxy', { Ws: '', f: config.path, p: '/run/kbin-haproxy.pid' });
  return [
    resource,
    directory(PHASE, PLACES.haproxyConfig, '0755'),
    config,
    ...service(context, {
      component: 'haproxy',
      phase: PHASE,
      template: 'haproxy/kbin-haproxy.service.hbs',
      words: [path, ...haproxyWords(flags)],
      restartsOn: inputs,
      // Whoever is connected stays so: the worker before goes on with what it has.
      reloadsOn: [config.id, fileId(PKI.rootCa)],
    }),
  ];
}
