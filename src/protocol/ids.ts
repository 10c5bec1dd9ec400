import * as z from 'zod';

import { isCanonicalBase64url } from './base64url.js';

/** Identifiers that travel, each with its shape. */

/** Door ids (protocol 4.1). */
export const DOOR_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{2,63}$/;

export const doorIdSchema = z
  .string()
  .regex(DOOR_ID)
  .describe('A door id: 3 to 64 letters, digits, `_` or `-`, starting with a letter or digit.');

/** Canonical base64url of an exact number of bytes. */
export function base64urlSchema(byteLength: number): z.ZodType<string, string> {
  const length = Math.ceil((byteLength * 4) / 3);
  return z
    .string()
    .length(length)
    .regex(/^[A-Za-z0-9_-]+$/)
    .refine((text) => isCanonicalBase64url(text, byteLength), `not the canonical base64url of ${byteLength} bytes`);
}

/** RFC 7638 SHA-256 thumbprint of a public JWK (protocol 4.2). */
export const kidSchema = base64urlSchema(32).describe('Key id: RFC 7638 SHA-256 thumbprint, base64url.');

/** base64url SHA-256 of the compact JWE (protocol 6.7). */
export const commandIdSchema = base64urlSchema(32).describe('Command id: base64url SHA-256 of the compact JWE.');
