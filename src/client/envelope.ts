import { CompactEncrypt } from 'jose';

import { encodeBase64url } from '../protocol/base64url.js';
import { ACT_SCOPES, PARAMS_SCHEMAS, type Act } from '../protocol/command-body.js';
import { LIMITS } from '../protocol/limits.js';
import { OpenLockError } from '../protocol/problem.js';
import type { ClientRandom } from './ambient.js';
import type { TrustedKey } from './key-pin.js';

/** What a command says, before it is sealed. */
export interface CommandContent {
  readonly doorId: string;
  readonly act: Act;
  /** The door's password. */
  readonly password: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** A sealed command and what is needed to read its receipt. */
export interface SealedCommand {
  readonly jwe: string;
  /** base64url SHA-256 of the JWE (protocol 6.7); the relay computes the same. */
  readonly commandId: string;
  readonly jti: string;
  readonly replyKey: Uint8Array<ArrayBuffer>;
}

export interface SealOptions {
  readonly key: TrustedKey;
  /** Unix milliseconds by this machine's own clock: a time taken from the relay would let it hold commands back for later. */
  readonly iat: number;
  readonly random: ClientRandom;
  /** Of an earlier envelope of the same command. Default: a new one. */
  readonly jti?: string;
  /** Made by the door (protocol 19.4). */
  readonly challenge?: string | undefined;
}

/** Makes the envelope of protocol 6.1 and 6.2. Throws `invalid_request` for params or sizes the door could not take. */
export async function sealCommand(content: CommandContent, options: SealOptions): Promise<SealedCommand> {
  assertContent(content);
  const { doorId, act, password, params } = content;
  const { key, iat, random, challenge } = options;
  const jti = options.jti ?? encodeBase64url(random.bytes(16));
  const replyKey = random.bytes(32);
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    typ: 'openlock-command+jwe',
    kid: key.kid,
    door: doorId,
    scope: ACT_SCOPES[act],
    iat,
    jti,
  };
  const body = {
    act,
    credential: { type: 'password', password },
    replyKey: encodeBase64url(replyKey),
    ...(params !== undefined && { params }),
    ...(challenge !== undefined && { challenge }),
  };
  const plaintext = padded(body, roomFor(header, key.modulusBytes));
  const jwe = await new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(key.key);
  return { jwe, commandId: await commandIdOf(jwe), jti, replyKey };
}

/** base64url SHA-256 of the compact JWE (protocol 6.7). */
export async function commandIdOf(jwe: string): Promise<string> {
  return encodeBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(jwe))));
}

const MAX_PASSWORD_CHARACTERS = 128;

function assertContent(content: CommandContent): void {
  // Sent, it would only count as a wrong guess at the door.
  if (content.password === '' || [...content.password].length > MAX_PASSWORD_CHARACTERS)
    throw new OpenLockError('invalid_request', 'a door password has 8 to 128 characters');
  const params = PARAMS_SCHEMAS[content.act].safeParse(content.params ?? {});
  if (params.success) return;
  const [issue] = params.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'params' : `params.${issue.path.join('.')}`;
  throw new OpenLockError('invalid_request', `${where}: ${issue?.message ?? 'not valid'}`);
}

const charsOf = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/** Plaintext bytes that fit into an envelope of 4096 characters with this header and key. */
function roomFor(header: object, modulusBytes: number): number {
  const headerChars = charsOf(new TextEncoder().encode(JSON.stringify(header)).length);
  const others = headerChars + charsOf(modulusBytes) + charsOf(12) + charsOf(16) + 4;
  return Math.floor(((LIMITS.jweChars - others) * 3) / 4);
}

/** Pads to a multiple of 256 bytes (protocol 6.2), so that the length tells little; the last step ends at what fits. */
function padded(body: object, room: number): Uint8Array<ArrayBuffer> {
  const bare = new TextEncoder().encode(JSON.stringify({ ...body, pad: '' })).length;
  if (bare > room)
    throw new OpenLockError('invalid_request', `the command is ${bare - room} bytes too long for one envelope`);
  const target = Math.min(Math.ceil(bare / LIMITS.paddingBytes) * LIMITS.paddingBytes, room);
  return new TextEncoder().encode(JSON.stringify({ ...body, pad: ' '.repeat(target - bare) }));
}
