/**
 * Challenges without memory (protocol 4.3): a nonce carries its own time and a MAC over the door id, so that unknown doors
 * are answered alike and a flood of questions costs nothing: none is "pending" anywhere (8.4). Single use is enforced when it comes back
 * with the door's own proof; those are remembered, at most 64 a door for 70 s (`used_nonces` in store/lua-constants.ts).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

import type { Clock, Random } from '../clock.js';
import { isCanonicalBase64url } from '../protocol/base64url.js';

/** How long a challenge can be answered (protocol 4.3). */
export const CHALLENGE_SECONDS = 60;

const RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const MAC_BYTES = 20;
const NONCE_BYTES = RANDOM_BYTES + TIME_BYTES + MAC_BYTES;

export class Challenges {
  readonly #secret: Buffer;
  readonly #clock: Clock;
  readonly #random: Random;

  /** `secret`: shared by the relays of a fleet, so that any of them may be asked second. */
  constructor(secret: Buffer, clock: Clock, random: Random) {
    this.#secret = secret;
    this.#clock = clock;
    this.#random = random;
  }

  issue(doorId: string): string {
    const body = Buffer.alloc(RANDOM_BYTES + TIME_BYTES);
    this.#random.bytes(RANDOM_BYTES).copy(body);
    body.writeUIntBE(this.#clock.now(), RANDOM_BYTES, TIME_BYTES);
    return Buffer.concat([body, this.#mac(doorId, body)]).toString('base64url');
  }

  /** True for a nonce of this fleet, for this door, younger than a minute. */
  isFresh(doorId: string, nonce: string): boolean {
    if (!isCanonicalBase64url(nonce, NONCE_BYTES)) return false;
    const bytes = Buffer.from(nonce, 'base64url');
    const body = bytes.subarray(0, RANDOM_BYTES + TIME_BYTES);
    if (!timingSafeEqual(bytes.subarray(RANDOM_BYTES + TIME_BYTES), this.#mac(doorId, body))) return false;
    const age = this.#clock.now() - body.readUIntBE(RANDOM_BYTES, TIME_BYTES);
    // Clocks of two relays may differ a little; a nonce from the near future is not an attack.
    return age >= -5000 && age <= CHALLENGE_SECONDS * 1000;
  }

  #mac(doorId: string, body: Buffer): Buffer {
    return createHmac('sha256', this.#secret)
      .update('openlock challenge\0')
      .update(doorId)
      .update('\0')
      .update(body)
      .digest()
      .subarray(0, MAC_BYTES);
  }
}
