import { KbinError } from '../../../../src/errors.ts';
import {
  type CertificateRequest,
  parseRequest,
  type RequestOptions,
} from '../../../../src/pki/request/certificateRequest.ts';
import { Faults } from '../../../../src/pki/request/faults.ts';
import { parseProfile, type Profile } from '../../../../src/pki/request/profile.ts';

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A request, from an object or a text. */
export function requestOf(value: unknown, options: Partial<RequestOptions> = {}): CertificateRequest {
  const faults = new Faults();
  const request = parseRequest(asText(value), { file: 'request.json', isAuthority: false, ...options }, faults);
  faults.throwIfAny();
  return request;
}

/** A profile, from the `signing` section of a configuration. */
export function profileOf(signing: unknown, name?: string): Profile {
  const faults = new Faults();
  const profile = parseProfile(asText({ signing }), { file: 'config.json', name }, faults);
  faults.throwIfAny();
  return profile;
}

/** Every fault that reading this tells. */
export function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof KbinError && error.code === 'USAGE') return error.evidence;
    throw error;
  }
  return [];
}
