/** A firmware release as it travels (protocol 12.1): the manifest's form and bounds. Who signed it is checked elsewhere. */
import * as z from 'zod';

import { decodeBase64url, isCanonicalBase64url } from './base64url.js';
import { kidSchema } from './ids.js';
import { RELEASE_LIMITS } from './release-limits.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from './strict-json.js';

export { RELEASE_LIMITS };

export const RELEASE_TYP = 'openlock-release+jws';

/** Why a door, or the relay in its stead, does not take a release (protocol 12.7). */
export const UPDATE_CODES = [
  'bad_signature',
  'unknown_key',
  'wrong_product',
  'wrong_board',
  'expired',
  'downgrade',
  'security_version',
  'too_large',
  'no_space',
  'busy',
  'hash_mismatch',
  'size_mismatch',
  'write_failed',
  'failed_before',
] as const;
export type UpdateCode = (typeof UPDATE_CODES)[number];

/** A refusal in the words of protocol 12.7. */
export class UpdateError extends Error {
  override readonly name = 'UpdateError';
  readonly code: UpdateCode;

  constructor(code: UpdateCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export const boardSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a board is 1 to 64 letters, digits, `.`, `_` or `-`');

/** Semantic Versioning 2.0.0, build metadata included; numbers to 15 digits, which every program can hold. */
const NUMBER = '(?:0|[1-9][0-9]{0,14})';
const PRE_RELEASE = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';
const SEMVER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRE_RELEASE}(?:\\.${PRE_RELEASE})*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);
export const versionSchema = z
  .string()
  .max(64)
  .regex(SEMVER, 'a version is strict semver, such as 1.2.3 or 1.3.0-rc.1');
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hexadecimal digits');

const headerSchema = z.strictObject({ alg: z.literal('ES256'), typ: z.literal(RELEASE_TYP), kid: kidSchema });

/** Times in Unix milliseconds. Unknown members are refused: what is signed must mean the same to everybody. */
export const releaseClaimsSchema = z.strictObject({
  product: z.literal('esplock'),
  board: boardSchema,
  version: versionSchema,
  securityVersion: z.int().min(0).max(0xffff_ffff),
  size: z.int().min(1),
  sha256: sha256Schema,
  createdAt: z.int().min(0),
  expiresAt: z.int().min(0),
  notes: z.string().max(RELEASE_LIMITS.notesChars).optional(),
});
export type ReleaseClaims = z.infer<typeof releaseClaimsSchema>;

export interface ManifestForm {
  /** Key that is said to have signed it. */
  readonly kid: string;
  /** Not to be believed before the signature is checked. */
  readonly claims: ReleaseClaims;
}

const bad = (detail: string): UpdateError => new UpdateError('bad_signature', `Not a release manifest: ${detail}.`);

/** The key that is said to have signed a manifest, before anything else of it is looked at. Throws {@link UpdateError} `bad_signature`. */
export function readManifestKid(jws: string): string {
  if (jws.length > RELEASE_LIMITS.manifestChars) throw bad(`longer than ${RELEASE_LIMITS.manifestChars} characters`);
  const parts = jws.split('.');
  if (parts.length !== 3 || !parts.every((part) => part !== '' && isCanonicalBase64url(part)))
    throw bad('not a compact JWS in canonical base64url');
  const head = headerSchema.safeParse(readPart(parts[0]));
  if (!head.success) throw bad(`the header must be {"alg":"ES256","typ":"${RELEASE_TYP}","kid":…} and nothing else`);
  return head.data.kid;
}

/**
 * Reads a manifest's form; the signature is not checked. Throws {@link UpdateError}: `too_large` for an image past 4 MiB,
 * `wrong_product`, and `bad_signature` for anything that is no manifest at all.
 */
export function readManifest(jws: string): ManifestForm {
  const kid = readManifestKid(jws);
  const payload = readPart(jws.split('.')[1]);
  const claims = releaseClaimsSchema.safeParse(payload);
  if (!claims.success) {
    if (typeof payload === 'object' && payload !== null && 'product' in payload && payload.product !== 'esplock')
      throw new UpdateError('wrong_product', 'The manifest is for another product.');
    throw bad(z.prettifyError(claims.error).replaceAll(/\s+/g, ' '));
  }
  if (claims.data.size > RELEASE_LIMITS.imageBytes)
    throw new UpdateError('too_large', `The image is larger than ${RELEASE_LIMITS.imageBytes} bytes.`);
  return { kid, claims: claims.data };
}

function readPart(part: string | undefined): unknown {
  const bytes = part === undefined ? undefined : decodeBase64url(part);
  if (bytes === undefined) return undefined;
  try {
    return parseStrictJson(decodeUtf8(bytes), 1);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return undefined;
  }
}
