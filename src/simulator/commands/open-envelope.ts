/** From a compact JWE to an authenticated plaintext, or nothing (protocol 6.1, 6.4). */
import { createDecipheriv } from 'node:crypto';

import { decodeUtf8, parseStrictJson, StrictJsonError } from '../../protocol/strict-json.js';
import type { RandomSource } from '../ambient.js';
import type { DoorIdentity } from '../identity.js';

const CONTENT_KEY_BYTES = 32;

/**
 * Decrypts a JWE whose form was checked. A failed OAEP goes on with a random content key (RFC 7516 11.5): whichever
 * part was tampered with, the same steps run and the same nothing comes out.
 */
export function openEnvelope(jwe: string, identity: DoorIdentity, random: RandomSource): Buffer | undefined {
  const [header = '', key = '', iv = '', ciphertext = '', tag = ''] = jwe.split('.');
  const encryptedKey = Buffer.from(key, 'base64url');
  const stand = random.bytes(CONTENT_KEY_BYTES);
  const unwrapped = encryptedKey.length === identity.modulusBytes ? identity.unwrap(encryptedKey) : undefined;
  const contentKey = unwrapped?.length === CONTENT_KEY_BYTES ? unwrapped : stand;
  const decipher = createDecipheriv('aes-256-gcm', contentKey, Buffer.from(iv, 'base64url'), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header, 'ascii'));
  decipher.setAuthTag(Buffer.from(tag, 'base64url'));
  try {
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The plaintext as JSON, `undefined` when it is not strict JSON. */
export function parsePlaintext(plaintext: Buffer): unknown {
  try {
    return parseStrictJson(decodeUtf8(plaintext));
  } catch (error) {
    if (error instanceof StrictJsonError) return undefined;
    throw error;
  }
}
