import * as z from 'zod';

import { binaryOf, decodeBase64url, endsCanonically, isCanonicalBase64url } from './base64url.js';
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
  const header = usualHeader(jwe);
  return header === undefined ? parseEnvelopeStrictly(jwe) : { ok: true, header };
}

/** No part can be told from its neighbours in two ways, so that a text is read once, whatever it is. */
const PARTS = /^([\w-]+)\.([\w-]+)\.[\w-]{16}\.([\w-]+)\.[\w-]{21}[AQgw]$/;
/** The header as nearly everybody spells it: the members in the order of protocol 6.1. The last characters of `kid` and `jti` are canonical ones. */
const USUAL_HEADER =
  /^\{"alg":"RSA-OAEP-256","enc":"A256GCM","typ":"openlock-command\+jwe","kid":"([\w-]{42}[AEIMQUYcgkosw048])","door":"([A-Za-z0-9][\w-]{2,63})","scope":"(operate|configure|query)","iat":(0|[1-9]\d{0,14}),"jti":"([\w-]{21}[AQgw])"\}$/;

/** The header of an envelope in the usual spelling; `undefined`: {@link parseEnvelopeStrictly} decides. A fifth of its cost. */
function usualHeader(jwe: string): CommandHeader | undefined {
  if (jwe.length > LIMITS.jweChars) return undefined;
  const [, headerText = '', key = '', ciphertext = ''] = PARTS.exec(jwe) ?? [];
  if (key.length < ENCRYPTED_KEY_CHARS.min || key.length > ENCRYPTED_KEY_CHARS.max) return undefined;
  if (!endsCanonically(headerText) || !endsCanonically(key) || !endsCanonically(ciphertext)) return undefined;
  const match = USUAL_HEADER.exec(binaryOf(headerText));
  if (match === null) return undefined;
  const [, kid = '', door = '', scope, iat, jti = ''] = match;
  return {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    typ: 'openlock-command+jwe',
    kid,
    door,
    scope: scope as Scope,
    iat: Number(iat),
    jti,
  };
}

/** As {@link parseCommandEnvelope}, for every spelling; tests hold the two against each other. */
export function parseEnvelopeStrictly(jwe: string): EnvelopeParse {
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
