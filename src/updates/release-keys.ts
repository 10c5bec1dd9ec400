/** The keys that sign releases (protocol 12.1): EC P-256. The private one never gets near a relay; doors and relays know the public one. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import type { Random } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import { encryptPrivateKey } from './encrypted-key.js';

/** A public key, in one spelling whatever it was read from. */
export interface ReleaseKey {
  /** RFC 7638 SHA-256 thumbprint. */
  readonly kid: string;
  readonly key: KeyObject;
  /** SPKI PEM. */
  readonly pem: string;
}

export interface SigningKey extends ReleaseKey {
  readonly privateKey: KeyObject;
}

export const KEY_LIMITS = {
  /** A PEM of a P-256 key has 180 to 400 characters; the rest is room for headers and explanations. */
  pemChars: 8192,
  /** A relay trusts at most as many; a door four (protocol 12.1). */
  trusted: 16,
} as const;

/** The passphrase does not open the key. */
export class WrongPassphraseError extends Error {
  override readonly name = 'WrongPassphraseError';
}

const PUBLIC_PEM = /^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/;
const bad = (detail: string): OpenLockError => new OpenLockError('invalid_request', detail);

/** Makes a key. With a passphrase its PEM is encrypted PKCS#8. */
export function generateReleaseKey(random: Random, passphrase?: string): SigningKey & { readonly privatePem: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privatePem =
    passphrase === undefined
      ? privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      : encryptPrivateKey(privateKey, passphrase, random);
  return { ...describe(createPublicKey(privateKey)), privateKey, privatePem };
}

/** Reads a public key. Throws `invalid_request` for everything but one P-256 SPKI PEM, above all for a private key. */
export function readReleaseKey(pem: string): ReleaseKey {
  if (pem.length > KEY_LIMITS.pemChars) throw bad('This is too long for a public key.');
  if (isPrivatePem(pem)) {
    throw bad(
      'This is a private key. It signs releases and must stay where releases are signed, away from relays and doors; give the public half, the file that ends in .pub.pem (openssl pkey -in <key> -pubout makes it again).',
    );
  }
  if (!PUBLIC_PEM.test(pem))
    throw bad('Not a public key: a PEM that begins with -----BEGIN PUBLIC KEY----- is wanted, and nothing besides it.');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw bad('Not a public key: what stands between the PEM lines cannot be read.');
  }
  return checked(key);
}

/** True for anything that holds a private key, encrypted or not. */
export function isPrivatePem(pem: string): boolean {
  return /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(pem);
}

/** True when a private key's PEM asks for a passphrase. */
export function isEncryptedPem(pem: string): boolean {
  return pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----') || /^Proc-Type: *4,ENCRYPTED/m.test(pem);
}

/** Reads a private key. Throws `invalid_request`, {@link WrongPassphraseError}. */
export function readSigningKey(pem: string, passphrase?: string): SigningKey {
  if (pem.length > KEY_LIMITS.pemChars) throw bad('This is too long for a private key.');
  if (!isPrivatePem(pem))
    throw bad(
      PUBLIC_PEM.test(pem)
        ? 'This is the public half of a key; signing needs the private one, the file without .pub in its name.'
        : 'Not a private key: a PEM that begins with -----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY----- is wanted.',
    );
  const encrypted = isEncryptedPem(pem);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: pem, format: 'pem', ...(encrypted && { passphrase: passphrase ?? '' }) });
  } catch {
    if (encrypted) throw new WrongPassphraseError('The passphrase does not open this key, or the file is damaged.');
    throw bad('Not a private key: what stands between the PEM lines cannot be read.');
  }
  return { ...checked(createPublicKey(privateKey)), privateKey };
}

function checked(key: KeyObject): ReleaseKey {
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw bad(
      'Releases are signed with ES256: a key on the curve P-256 is wanted (openlock firmware keygen makes one).',
    );
  }
  return describe(key);
}

function describe(key: KeyObject): ReleaseKey {
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  // RFC 7638: exactly these members, in this order.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kid, key, pem: key.export({ type: 'spki', format: 'pem' }).toString() };
}
