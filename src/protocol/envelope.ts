import * as z from 'zod';

import { decodeBase64url, isCanonicalBase64url } from './base64url.js';
import { base64urlSchema, doorIdSchema, kidSchema } from './ids.js';
import { LIMITS } from './limits.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from './strict-json.js';

/** The command envelope as everybody on the way can see it (protocol 6.1). Nothing here decrypts. */

export const SCOPES = ['operate', 'configure', 'query'] as const;
export type Scope = (typeof SCOPES)[number];

export const commandHeaderSchema = z.strictObject({
  alg: z.literal('RSA-OAEP-256'),
  enc: z.literal('A256GCM'),
  typ: z.literal('openlock-command+jwe'),
  kid: kidSchema,
  door: doorIdSchema,
  scope: z.enum(SCOPES),
  iat: z.int().min(0),
  jti: base64urlSchema(16),
});

/** Protected header of a command (protocol 6.1). `iat` in Unix milliseconds. */
export type CommandHeader = z.infer<typeof commandHeaderSchema>;

export type EnvelopeParse =
  { readonly ok: true; readonly header: CommandHeader } | { readonly ok: false; readonly detail: string };

/** RSA moduli of 2048 to 4096 bits give an encrypted key of 256 to 512 bytes; GCM has a 12-byte IV and a 16-byte tag. */
const ENCRYPTED_KEY_CHARS = { min: 342, max: 683 } as const;

/**
 * Checks the form of a compact JWE and reads its protected header (protocol 6.1): five parts, each canonical, of the
 * right length, and a header with exactly the members the protocol lists, in compact JSON.
 */
export function parseCommandEnvelope(jwe: string): EnvelopeParse {
  if (jwe.length > LIMITS.jweChars) return refused(`longer than ${LIMITS.jweChars} characters`);
  const parts = jwe.split('.');
  const [headerText, key, iv, ciphertext, tag] = parts;
  if (
    parts.length !== 5 ||
    headerText === undefined ||
    key === undefined ||
    iv === undefined ||
    ciphertext === undefined ||
    tag === undefined
  ) {
    return refused('not five parts');
  }
  if (key.length < ENCRYPTED_KEY_CHARS.min || key.length > ENCRYPTED_KEY_CHARS.max || !isCanonicalBase64url(key))
    return refused('bad encrypted key');
  if (!isCanonicalBase64url(iv, 12)) return refused('bad initialization vector');
  if (ciphertext.length === 0 || !isCanonicalBase64url(ciphertext)) return refused('bad ciphertext');
  if (!isCanonicalBase64url(tag, 16)) return refused('bad authentication tag');
  return parseHeader(headerText);
}

function parseHeader(headerText: string): EnvelopeParse {
  const bytes = decodeBase64url(headerText);
  if (bytes === undefined) return refused('the header is not canonical base64url');
  let json: unknown;
  let text: string;
  try {
    text = decodeUtf8(bytes);
    json = parseStrictJson(text, 1);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return refused(`the header is ${error.message}`);
  }
  const header = commandHeaderSchema.safeParse(json);
  if (!header.success) return refused('the header has not exactly the members of protocol 6.1');
  // Compact JSON, one spelling: no white space and no escapes, whatever the order of members.
  if (JSON.stringify(json) !== text) return refused('the header is not compact JSON');
  return { ok: true, header: header.data };
}

function refused(detail: string): EnvelopeParse {
  return { ok: false, detail };
}
