/** The door's own judgement of a release, before the first byte (protocol 12.5), whatever the relay has checked (1.3). */
import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';

import semver from 'semver';

import { decodeBase64url, isCanonicalBase64url } from '../../protocol/base64url.js';
import { kidSchema } from '../../protocol/ids.js';
import { readManifest, RELEASE_LIMITS, UpdateError, type ReleaseClaims } from '../../protocol/release.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../../protocol/strict-json.js';
import type { UpdateMemory } from './update-memory.js';

export interface JudgingDoor {
  /** Public PEMs it trusts; more than four are not looked at (protocol 12.1). */
  readonly releaseKeys: readonly string[];
  readonly memory: UpdateMemory;
  /** The door's clock, Unix ms. */
  readonly now: number;
  /** Room for an image. */
  readonly slotBytes: number;
}

/**
 * What the manifest claims, if this door takes it. Throws {@link UpdateError}. The signature comes first: nothing that was
 * not signed is worth another answer.
 */
export function judgeManifest(manifest: string, door: JudgingDoor): ReleaseClaims {
  checkSignature(manifest, door.releaseKeys);
  const { claims } = readManifest(manifest);
  const { running, securityVersion, failed } = door.memory;
  const refuse = (code: UpdateError['code'], detail: string): never => {
    throw new UpdateError(code, detail);
  };
  if (claims.board !== running.board) refuse('wrong_board', `The image is for ${claims.board}.`);
  if (claims.expiresAt <= door.now) refuse('expired', 'The release has expired.');
  if (claims.securityVersion < Math.max(securityVersion, running.securityVersion))
    refuse('security_version', 'There is no way below the security version that was confirmed.');
  if (semver.compare(claims.version, running.version) <= 0) refuse('downgrade', `The door runs ${running.version}.`);
  if (failed.includes(claims.sha256)) refuse('failed_before', 'This image ran here and was taken back.');
  if (claims.size > door.slotBytes) refuse('no_space', 'The slot is smaller than the image.');
  return claims;
}

function checkSignature(manifest: string, releaseKeys: readonly string[]): void {
  const bad = (detail: string): UpdateError => new UpdateError('bad_signature', detail);
  const parts = manifest.length > RELEASE_LIMITS.manifestChars ? [] : manifest.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || !parts.every((part) => part !== '' && isCanonicalBase64url(part)))
    throw bad('Not a compact JWS.');
  const kid = kidOf(header);
  if (kid === undefined) throw bad('The header names no ES256 key.');
  const key = releaseKeys
    .slice(0, RELEASE_LIMITS.doorKeys)
    .map(readReleaseKey)
    .find((candidate) => candidate?.kid === kid);
  if (key === undefined) throw new UpdateError('unknown_key', 'No trusted key has that id.');
  const good = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: key.key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  if (!good) throw bad('The signature is not by the key it names.');
}

/** The key a header names. What else the header must be is checked with the manifest's form. */
function kidOf(header: string): string | undefined {
  const bytes = decodeBase64url(header);
  if (bytes === undefined) return undefined;
  try {
    const json = parseStrictJson(decodeUtf8(bytes), 1);
    if (typeof json !== 'object' || json === null || !('alg' in json) || json.alg !== 'ES256') return undefined;
    return 'kid' in json ? kidSchema.safeParse(json.kid).data : undefined;
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return undefined;
  }
}

const keys = new Map<string, { readonly key: KeyObject; readonly kid: string } | undefined>();

/** A fleet's doors share a few keys: each is read once. `undefined` for anything but an EC key on P-256. */
function readReleaseKey(pem: string): { readonly key: KeyObject; readonly kid: string } | undefined {
  if (!keys.has(pem)) {
    if (keys.size >= 64) keys.clear();
    keys.set(pem, parseReleaseKey(pem));
  }
  return keys.get(pem);
}

function parseReleaseKey(pem: string): { readonly key: KeyObject; readonly kid: string } | undefined {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'ec') return undefined;
    const { crv, x, y } = key.export({ format: 'jwk' });
    if (crv !== 'P-256') return undefined;
    // RFC 7638: the required members in name order, compact.
    return {
      key,
      kid: createHash('sha256')
        .update(JSON.stringify({ crv, kty: 'EC', x, y }))
        .digest('base64url'),
    };
  } catch {
    return undefined;
  }
}
