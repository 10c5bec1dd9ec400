/**
 * Encrypted PKCS#8 (RFC 5208, RFC 8018: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC), which OpenSSL and Node read. Node
 * writes the same form, but with 2,048 iterations, which is nothing against somebody who finds the USB stick.
 */
import { createCipheriv, pbkdf2Sync, type KeyObject } from 'node:crypto';

import type { Random } from '../clock.js';

/** About a quarter of a second to try one passphrase (OWASP's figure for PBKDF2-HMAC-SHA-256). */
export const PASSPHRASE_ITERATIONS = 600_000;
const SALT_BYTES = 16;
const IV_BYTES = 16;
const KEY_BYTES = 32;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const PBES2 = '06092a864886f70d01050d'; // 1.2.840.113549.1.5.13
const PBKDF2 = '06092a864886f70d01050c'; // 1.2.840.113549.1.5.12
const HMAC_SHA256 = '300c06082a864886f70d02090500'; // 1.2.840.113549.2.9, no parameters
const AES_256_CBC = '060960864801650304012a'; // 2.16.840.1.101.3.4.1.42

/** PEM of a private key that only `passphrase` opens. Takes as long as {@link PASSPHRASE_ITERATIONS} take. */
export function encryptPrivateKey(key: KeyObject, passphrase: string, random: Random): string {
  const [salt, iv] = [random.bytes(SALT_BYTES), random.bytes(IV_BYTES)];
  const cipher = createCipheriv(
    'aes-256-cbc',
    pbkdf2Sync(passphrase, salt, PASSPHRASE_ITERATIONS, KEY_BYTES, 'sha256'),
    iv,
  );
  const sealed = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
  const derivation = der(
    SEQUENCE,
    hex(PBKDF2),
    der(SEQUENCE, der(OCTET_STRING, salt), derInteger(PASSPHRASE_ITERATIONS), hex(HMAC_SHA256)),
  );
  const scheme = der(SEQUENCE, hex(AES_256_CBC), der(OCTET_STRING, iv));
  const info = der(SEQUENCE, der(SEQUENCE, hex(PBES2), der(SEQUENCE, derivation, scheme)), der(OCTET_STRING, sealed));
  const lines = info.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines.join('\n')}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Tag, length, content; the lengths here have at most two bytes. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function derInteger(value: number): Buffer {
  const digits = value.toString(16);
  const bytes = hex(digits.padStart(digits.length + (digits.length % 2), '0'));
  // A leading one bit would make it negative.
  return der(INTEGER, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}
