import { createHash, timingSafeEqual } from 'node:crypto';

import type { Clock, Random } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';
import type { FleetSecrets } from './fleet-secrets.js';

const PREFIX = 'olr1';

/** What one of our refresh tokens says about itself. */
export interface RefreshTokenClaims {
  readonly siteId: string;
  readonly sessionId: string;
}

/**
 * Refresh tokens (protocol 3.3): `olr1.<site>.<session>.<end in seconds>.<256 random bits>.<MAC>`, opaque to their holder.
 * The MAC tells a token we once issued from an invented one without a look at the store, so that an old token of a family
 * can end it (reuse) while an invented one can not. The store only ever sees the hash.
 */
export class RefreshTokens {
  readonly lifetimeSeconds: number;
  readonly #secrets: FleetSecrets;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    readonly secrets: FleetSecrets;
    readonly clock: Clock;
    readonly random: Random;
    readonly lifetimeSeconds: number;
  }) {
    this.lifetimeSeconds = options.lifetimeSeconds;
    this.#secrets = options.secrets;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  issue(claims: RefreshTokenClaims): string {
    const end = Math.floor(this.#clock.now() / 1000) + this.lifetimeSeconds;
    const body = [PREFIX, claims.siteId, claims.sessionId, end, this.#random.bytes(32).toString('base64url')].join('.');
    return `${body}.${this.#mac(body)}`;
  }

  /** Throws `unauthenticated` for what we never issued, `token_expired` for what has run out. */
  read(token: string): RefreshTokenClaims {
    const at = token.lastIndexOf('.');
    const body = token.slice(0, Math.max(at, 0));
    const given = Buffer.from(token.slice(at + 1));
    const expected = Buffer.from(this.#mac(body));
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new OpenLockError('unauthenticated', 'The refresh token is not valid.');
    // Past the MAC the text is our own.
    const [, siteId = '', sessionId = '', end = '0'] = body.split('.');
    if (Number(end) * 1000 <= this.#clock.now())
      throw new OpenLockError('token_expired', 'The refresh token has expired; log in again.');
    return { siteId, sessionId };
  }

  /** What the store keeps. A plain hash is enough for 256 random bits. */
  hash(token: string): string {
    return createHash('sha256').update(token).digest('base64url');
  }

  #mac(body: string): string {
    return this.#secrets.mac('refresh-token', body).subarray(0, 16).toString('base64url');
  }
}
