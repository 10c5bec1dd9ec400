import { randomBytes } from 'node:crypto';

/** Clock, randomness and request context: handed in everywhere, so that tests decide them (house rule 3). */

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
}

export interface Random {
  bytes(length: number): Buffer;
}

/** The machine's own clock and randomness, for the composition root; nobody else picks them by themselves. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** Where a request came from; goes into logs and the audit trail. */
export interface RequestContext {
  readonly requestId: string;
  /** IP address as text, after `OPENLOCK_TRUST_PROXY`. */
  readonly address: string;
  /** The request's `Origin` header, exactly as sent. */
  readonly origin: string | undefined;
}

/** What a verified access token says (contract 3.5); the session may still be revoked. */
export interface SiteIdentity {
  readonly siteId: string;
  readonly sessionId: string;
  readonly origin: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}
