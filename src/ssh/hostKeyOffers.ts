import type { Client } from 'ssh2';

type GlobalRequest = (protocol: unknown, name: string, wantsReply: boolean, data: unknown) => void;

interface Internals {
  _protocol?: { _handlers?: { GLOBAL_REQUEST?: GlobalRequest } };
}

/**
 * Makes a connecting client ignore the server's list of all its host keys (PROTOCOL, 2.5), which kbin has no use for.
 * ssh2 would let the server prove each of them (a signature there and a check here for every key) and would break the
 * connection over a key of a type that it does not know. It has no option for this; without the internals named here
 * everything works as before.
 */
export function ignoreHostKeyOffers(client: Client): void {
  const handlers = (client as unknown as Internals)._protocol?._handlers;
  const original = handlers?.GLOBAL_REQUEST;
  if (handlers === undefined || original === undefined) return;
  handlers.GLOBAL_REQUEST = (protocol, name, wantsReply, data) => {
    if (name !== 'hostkeys-00@openssh.com') original(protocol, name, wantsReply, data);
  };
}
