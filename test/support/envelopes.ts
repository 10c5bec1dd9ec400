/** Envelopes of the right form that no door can open: for whatever only passes them on. */
import { createHash, randomBytes } from 'node:crypto';

export interface LookalikeOptions {
  readonly kid: string;
  readonly iat?: number;
}

export function lookalike(door: string, { kid, iat = Date.now() }: LookalikeOptions): string {
  const jti = randomBytes(16).toString('base64url');
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    typ: 'openlock-command+jwe',
    kid,
    door,
    scope: 'operate',
    iat,
    jti,
  };
  const parts = [Buffer.from(JSON.stringify(header)), ...[256, 12, 64, 16].map((bytes) => randomBytes(bytes))];
  return parts.map((part) => part.toString('base64url')).join('.');
}

export const idOf = (jwe: string): string => createHash('sha256').update(jwe).digest('base64url');
