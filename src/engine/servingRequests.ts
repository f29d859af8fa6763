import type { HostName, Inventory, JsonObject } from '../model/inventory.ts';
import { printable } from '../model/plainText.ts';
import {
  hostOfUser,
  namesAskedFor,
  SERVING_SIGNER,
  servingRefusal,
  type AskedCertificate,
} from '../pki/servingRequest.ts';
import type { Api } from './api.ts';
import { apiPath } from './apiPaths.ts';
import { fanOut } from './fanOut.ts';
import { field, objectsAt, textAt } from './httpJson.ts';

const API = { apiVersion: 'certificates.k8s.io/v1', resource: 'certificatesigningrequests' };
const PENDING = `${apiPath(API)}?fieldSelector=${encodeURIComponent(`spec.signerName=${SERVING_SIGNER}`)}`;
const AT_ONCE = 8;
/** A request can hold anything. */
const LONGEST = 300;

/** A pending request for what a kubelet serves with. All texts are safe to show. */
export interface ServingRequest {
  name: string;
  /** Whose kubelet made it; `who` where it was nobody's. */
  host: HostName | undefined;
  who: string;
  /** DNS names, then addresses. */
  names: string[];
  /** Why it is left as it is, continuing its name; absent for one that may be approved. */
  refusal?: string;
}

export interface Approvals {
  approved: ServingRequest[];
  /** What does not fit the inventory. It stays pending: denying is for people. */
  left: ServingRequest[];
}

type Read = { request: ServingRequest; item: JsonObject };

const textsIn = (item: JsonObject, ...path: string[]): string[] => {
  const list = field(item, ...path);
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
};

const asked = (item: JsonObject): AskedCertificate => ({
  signer: textAt(item, 'spec', 'signerName'),
  user: textAt(item, 'spec', 'username'),
  groups: textsIn(item, 'spec', 'groups'),
  usages: textsIn(item, 'spec', 'usages'),
  request: Buffer.from(textAt(item, 'spec', 'request'), 'base64').toString('latin1'),
});

const isPending = (item: JsonObject): boolean =>
  textAt(item, 'status', 'certificate') === '' &&
  objectsAt(item, 'status', 'conditions').every(
    (condition) => !['Approved', 'Denied', 'Failed'].includes(textAt(condition, 'type')),
  );

function requestIn(item: JsonObject, inventory: Inventory): Read {
  const spec = asked(item);
  const refusal = servingRefusal(spec, inventory);
  const request: ServingRequest = {
    name: textAt(item, 'metadata', 'name'),
    host: hostOfUser(spec.user),
    who: printable(spec.user, LONGEST),
    names: namesAskedFor(spec).map((name) => printable(name, LONGEST)),
    ...(refusal === undefined ? {} : { refusal: printable(refusal, LONGEST) }),
  };
  return { request, item };
}

/** Bound to what was looked at: a request that is another one by now is not approved. */
const approval = (item: JsonObject): JsonObject => ({
  metadata: { resourceVersion: textAt(item, 'metadata', 'resourceVersion') },
  status: {
    conditions: [
      ...objectsAt(item, 'status', 'conditions'),
      {
        type: 'Approved',
        status: 'True',
        reason: 'KbinApproved',
        message: 'Its kubelet asked for it, for names that the inventory gives the host.',
      },
    ],
  },
});

/**
 * Approves the pending requests of kubelets for what they serve with that fit the inventory, and tells of the others.
 * Throws CONNECT and STEP as the API does.
 * @param hosts Only of their kubelets; without, of all, and requests that nobody's kubelet made are told as well.
 */
export async function approveServing(
  api: Pick<Api, 'list' | 'patchAsRead'>,
  inventory: Inventory,
  hosts?: ReadonlySet<HostName>,
): Promise<Approvals> {
  const { items } = await api.list(PENDING);
  const read = items
    .filter(isPending)
    .map((item) => requestIn(item, inventory))
    .filter(({ request: { host } }) => hosts === undefined || (host !== undefined && hosts.has(host)));
  const fitting = read.filter(({ request }) => request.refusal === undefined);
  const answers = await fanOut(fitting, AT_ONCE, ({ request, item }) =>
    api.patchAsRead(`${apiPath({ ...API, name: request.name })}/approval`, approval(item)),
  );
  const approved = fitting.filter((_, index) => {
    const answer = answers[index];
    if (answer?.ok === false) throw answer.error;
    return answer?.value === true;
  });
  return {
    approved: approved.map(({ request }) => request),
    left: read.map(({ request }) => request).filter(({ refusal }) => refusal !== undefined),
  };
}

/** Such as `csr-x7k2p of node-2 asks for 10.0.0.9, which the inventory does not give the host`. */
export const leftText = ({ name, host, who, refusal = '' }: ServingRequest): string =>
  `${name} of ${host ?? who} ${refusal}`;
