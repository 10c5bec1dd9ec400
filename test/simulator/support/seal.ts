/** Makes command envelopes and opens receipts with node:crypto alone: independent of the SDK and of the door's own code. */
import { constants, createCipheriv, createDecipheriv, createHash, publicEncrypt, randomBytes } from 'node:crypto';

import type { Receipt } from '../../../src/protocol/receipt.js';

export interface SealRequest {
  readonly publicPem: string;
  readonly kid: string;
  readonly door: string;
  readonly password: string;
  readonly act: string;
  readonly params?: Record<string, unknown>;
  readonly scope?: 'operate' | 'configure' | 'query';
  /** Unix ms. */
  readonly iat?: number;
  readonly jti?: string;
  /** Laid over the protected header. */
  readonly header?: Record<string, unknown>;
  /** Laid over the plaintext; or the whole plaintext, as text. */
  readonly body?: Record<string, unknown> | string;
}

export interface Sealed {
  readonly jwe: string;
  /** Command id (protocol 6.7). */
  readonly id: string;
  readonly jti: string;
  readonly replyKey: Buffer;
  /** Opens the receipt that answers this command; throws when it is not authentic. */
  open(receipt: string | undefined): Receipt;
}

const SCOPE_OF: Record<string, string> = { unlock: 'operate', lock: 'operate', status: 'query' };

export function seal(request: SealRequest): Sealed {
  const { act, password, params, door, kid } = request;
  const jti = request.jti ?? randomBytes(16).toString('base64url');
  const replyKey = randomBytes(32);
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    typ: 'openlock-command+jwe',
    kid,
    door,
    scope: request.scope ?? SCOPE_OF[act] ?? 'configure',
    iat: request.iat ?? Date.now(),
    jti,
    ...request.header,
  };
  const body = {
    act,
    credential: { type: 'password', password },
    replyKey: replyKey.toString('base64url'),
    ...(params !== undefined && { params }),
  };
  const plaintext = typeof request.body === 'string' ? request.body : pad({ ...body, ...request.body });
  const jwe = encrypt(Buffer.from(JSON.stringify(header)).toString('base64url'), plaintext, request.publicPem);
  return {
    jwe,
    id: createHash('sha256').update(jwe).digest('base64url'),
    jti,
    replyKey,
    open: (receipt) => openReceipt(receipt, replyKey),
  };
}

function encrypt(header: string, plaintext: string, publicPem: string): string {
  const contentKey = randomBytes(32);
  const iv = randomBytes(12);
  const encryptedKey = publicEncrypt(
    { key: publicPem, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING },
    contentKey,
  );
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv);
  cipher.setAAD(Buffer.from(header, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return [
    header,
    ...[encryptedKey, iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url')),
  ].join('.');
}

function pad(body: Record<string, unknown>): string {
  const bare = Buffer.byteLength(JSON.stringify({ ...body, pad: '' }));
  return JSON.stringify({ ...body, pad: ' '.repeat((256 - (bare % 256)) % 256) });
}

export function openReceipt(receipt: string | undefined, replyKey: Buffer): Receipt {
  if (receipt === undefined) throw new Error('there is no receipt');
  const [header = '', key, iv = '', ciphertext = '', tag = ''] = receipt.split('.');
  if (key !== '') throw new Error('a receipt has an empty encrypted key');
  const decipher = createDecipheriv('aes-256-gcm', replyKey, Buffer.from(iv, 'base64url'), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header, 'ascii'));
  decipher.setAuthTag(Buffer.from(tag, 'base64url'));
  const text = Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString(
    'utf8',
  );
  if (Buffer.byteLength(text) % 256 !== 0) throw new Error('a receipt is padded to 256 bytes');
  return JSON.parse(text) as Receipt;
}
