/** Signed manifests (protocol 12.1): made where the private key is, checked everywhere else. Neither needs a store. */
import { sign, verify, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { OpenLockError } from '../protocol/problem.js';
import {
  readManifest,
  readManifestKid,
  RELEASE_LIMITS,
  RELEASE_TYP,
  releaseClaimsSchema,
  UpdateError,
  type ManifestForm,
  type ReleaseClaims,
} from '../protocol/release.js';
import type { ReleaseKey, SigningKey } from './release-keys.js';

const SIGNATURE_BYTES = 64;

/** What is known of the image itself. */
export interface ImageDigest {
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Signs the claims of a release. Throws `invalid_request` for claims no door would take, `too_large`. */
export function signManifest(claims: Omit<ReleaseClaims, 'product'>, key: SigningKey): string {
  const { board, version, securityVersion, size, sha256, createdAt, expiresAt, notes } = claims;
  if (size > RELEASE_LIMITS.imageBytes) throw tooLarge();
  // The order of protocol 12.1.
  const wanted = {
    product: 'esplock' as const,
    board,
    version,
    securityVersion,
    size,
    sha256,
    createdAt,
    expiresAt,
    ...(notes !== undefined && { notes }),
  };
  const parsed = releaseClaimsSchema.safeParse(wanted);
  if (!parsed.success)
    throw new OpenLockError('invalid_request', z.prettifyError(parsed.error).replaceAll(/\s+/g, ' '));
  if (expiresAt <= createdAt) throw new OpenLockError('invalid_request', 'A release must expire after it was made.');
  const head = encode({ alg: 'ES256', typ: RELEASE_TYP, kid: key.kid });
  const text = `${head}.${encode(wanted)}`;
  const manifest = `${text}.${sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  if (manifest.length > RELEASE_LIMITS.manifestChars)
    throw new OpenLockError(
      'invalid_request',
      `The manifest would be longer than ${RELEASE_LIMITS.manifestChars} characters; make the notes shorter.`,
    );
  // Read back with the eyes of those it is for: a manifest nobody takes must not leave this machine.
  verifyManifest(manifest, [key], createdAt);
  return manifest;
}

/**
 * The claims of a manifest that one of `keys` signed and that has not expired at `now` (Unix ms). Throws {@link UpdateError}:
 * `bad_signature`, `unknown_key`, `wrong_product`, `too_large`, `expired`.
 */
export function verifyManifest(jws: string, keys: readonly ReleaseKey[], now: number): ManifestForm {
  const signedBy = readManifestKid(jws);
  const signer = keys.find(({ kid }) => kid === signedBy);
  if (signer === undefined)
    throw new UpdateError('unknown_key', `The manifest was signed by the key ${signedBy}, which is not trusted here.`);
  if (!isSignedBy(jws, signer.key)) throw new UpdateError('bad_signature', 'The signature does not fit the manifest.');
  // Only now is anything it says worth a word.
  const form = readManifest(jws);
  if (form.claims.expiresAt <= now)
    throw new UpdateError('expired', `The release expired on ${new Date(form.claims.expiresAt).toISOString()}.`);
  return form;
}

/** Holds an image against its manifest. Throws {@link UpdateError} `size_mismatch`, `hash_mismatch`. */
export function checkImage({ claims }: ManifestForm, image: ImageDigest): void {
  if (image.size !== claims.size)
    throw new UpdateError('size_mismatch', `The image has ${image.size} bytes; the manifest says ${claims.size}.`);
  if (image.sha256 !== claims.sha256)
    throw new UpdateError(
      'hash_mismatch',
      `The image has the SHA-256 ${image.sha256}; the manifest says ${claims.sha256}.`,
    );
}

export const tooLarge = (): UpdateError =>
  new UpdateError('too_large', `The image is larger than ${RELEASE_LIMITS.imageBytes} bytes (4 MiB).`);

function isSignedBy(jws: string, key: KeyObject): boolean {
  const end = jws.lastIndexOf('.');
  const signature = Buffer.from(jws.slice(end + 1), 'base64url');
  return (
    signature.length === SIGNATURE_BYTES &&
    verify('sha256', Buffer.from(jws.slice(0, end)), { key, dsaEncoding: 'ieee-p1363' }, signature)
  );
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
