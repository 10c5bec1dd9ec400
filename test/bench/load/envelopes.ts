/** Command envelopes (protocol 6.1): real ones, each with a `jti` and a content key of its own. */
import { constants, createCipheriv, publicEncrypt, randomBytes, type KeyObject } from 'node:crypto';

/** Plaintext bytes, padding included: gives a JWE of about 1.2 KB with a key of 2048 bits. */
const PLAINTEXT_BYTES = 384;

export function makeEnvelope(key: KeyObject, kid: string, door: string): string {
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    typ: 'openlock-command+jwe',
    kid,
    door,
    scope: 'operate',
    iat: Date.now(),
    jti: randomBytes(16).toString('base64url'),
  };
  return seal(JSON.stringify(header), key);
}

function seal(header: string, key: KeyObject): string {
  const protectedHeader = Buffer.from(header).toString('base64url');
  const contentKey = randomBytes(32);
  const encryptedKey = publicEncrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    contentKey,
  );
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv).setAAD(Buffer.from(protectedHeader, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(plaintext()), cipher.final()]);
  return [
    protectedHeader,
    ...[encryptedKey, iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url')),
  ].join('.');
}

function plaintext(): string {
  const body = {
    act: 'unlock',
    credential: { type: 'password', password: 'bench-password' },
    replyKey: randomBytes(32).toString('base64url'),
    params: { holdMs: 3000 },
    pad: '',
  };
  const bare = JSON.stringify(body).length;
  return JSON.stringify({ ...body, pad: ' '.repeat(Math.max(0, PLAINTEXT_BYTES - bare)) });
}

/** A receipt's form and length (protocol 6.4), about 0.5 KB; nobody reads it. */
export function makeReceipt(): string {
  const header = Buffer.from('{"alg":"dir","enc":"A256GCM","typ":"openlock-receipt+jwe"}').toString('base64url');
  return [
    header,
    '',
    randomBytes(12).toString('base64url'),
    randomBytes(256).toString('base64url'),
    randomBytes(16).toString('base64url'),
  ].join('.');
}
