/** What a door signs to prove its key (protocol 4.4), checked without the store. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

import { compactVerify, errors } from 'jose';
import type { z } from 'zod';

import {
  proofClaimsSchema,
  proofHeaderSchema,
  rotationClaimsSchema,
  rotationHeaderSchema,
  type ProofClaims,
} from '../protocol/api.js';
import { decodeBase64url, isCanonicalBase64url } from '../protocol/base64url.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';

/** A door's public key, in the forms the API hands out. */
export interface DoorPublicKey {
  readonly key: KeyObject;
  readonly kid: string;
  /** SPKI PEM, normalised: one spelling whatever the door sent. */
  readonly pem: string;
  readonly jwk: { readonly kty: 'RSA'; readonly n: string; readonly e: string };
}

/** Reads a door's key: RSA, 2048 to 4096 bits, e = 65537 (protocol 4.2). `undefined` for everything else. */
export function readDoorPublicKey(pem: string): DoorPublicKey | undefined {
  if (!/^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/.test(pem)) return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    return undefined;
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (
    key.asymmetricKeyType !== 'rsa' ||
    bits < 2048 ||
    bits > 4096 ||
    key.asymmetricKeyDetails?.publicExponent !== 65537n
  )
    return undefined;
  const { n, e } = key.export({ format: 'jwk' });
  if (n === undefined || e === undefined) return undefined;
  // RFC 7638: required members only, in lexicographic order, no white space.
  const kid = createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest('base64url');
  return { key, kid, pem: key.export({ type: 'spki', format: 'pem' }).toString(), jwk: { kty: 'RSA', n, e } };
}

/** Claims of a proof signed by `key`; `undefined` when anything about it is wrong. */
export async function verifyProof(jws: string, key: DoorPublicKey): Promise<ProofClaims | undefined> {
  return verify(jws, key, proofHeaderSchema, proofClaimsSchema);
}

/** Claims of a rotation signed by the old key; `undefined` when anything about it is wrong. */
export async function verifyRotation(
  jws: string,
  oldKey: DoorPublicKey,
): Promise<z.infer<typeof rotationClaimsSchema> | undefined> {
  return verify(jws, oldKey, rotationHeaderSchema, rotationClaimsSchema);
}

async function verify<T>(
  jws: string,
  key: DoorPublicKey,
  headerSchema: z.ZodType<{ kid: string }>,
  claimsSchema: z.ZodType<T>,
): Promise<T | undefined> {
  try {
    const parts = jws.split('.');
    // One spelling a JWS: what is lenient about base64url would let a signature carry padding.
    if (parts.length !== 3 || !parts.every((part) => isCanonicalBase64url(part))) return undefined;
    const [headerText = ''] = parts;
    const headerBytes = decodeBase64url(headerText);
    if (headerBytes === undefined) return undefined;
    const header = headerSchema.safeParse(parseStrictJson(decodeUtf8(headerBytes), 1));
    if (!header.success || header.data.kid !== key.kid) return undefined;
    const { payload } = await compactVerify(jws, key.key, { algorithms: ['RS256'] });
    const claims = claimsSchema.safeParse(parseStrictJson(decodeUtf8(payload)));
    return claims.success ? claims.data : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof StrictJsonError) return undefined;
    throw error;
  }
}
