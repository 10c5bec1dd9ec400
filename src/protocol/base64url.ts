/** Unpadded, canonical base64url (RFC 4648 section 5; docs/protocol.md, "Words"): one spelling for each sequence of bytes. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const SHAPE = /^[A-Za-z0-9_-]*$/;

/**
 * True when `text` is canonical: only the alphabet, a possible length, and zero trailing bits. Without the last check
 * one envelope has many spellings that decrypt alike and hash differently, which would defeat replay protection.
 */
export function isCanonicalBase64url(text: string, byteLength?: number): boolean {
  const rest = text.length % 4;
  if (rest === 1 || !SHAPE.test(text)) return false;
  if (byteLength !== undefined && Math.floor((text.length * 3) / 4) !== byteLength) return false;
  return endsCanonically(text);
}

/** The part of it that depends on the end alone, for who knows already that `text` is of the alphabet: a possible length, zero trailing bits. */
export function endsCanonically(text: string): boolean {
  const rest = text.length % 4;
  if (rest < 2) return rest === 0;
  const last = ALPHABET.indexOf(text.charAt(text.length - 1));
  return (last & (rest === 2 ? 0x0f : 0x03)) === 0;
}

/** Bytes to canonical base64url; browser and Node alike. */
export function encodeBase64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Canonical base64url to bytes; `undefined` when the text is not canonical. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!isCanonicalBase64url(text)) return undefined;
  const binary = binaryOf(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** Canonical base64url to one character a byte, for who looks at ASCII only. */
export function binaryOf(text: string): string {
  return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
}
