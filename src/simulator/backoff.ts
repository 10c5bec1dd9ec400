import { LIMITS } from '../protocol/limits.js';
import type { RandomSource } from './ambient.js';

/** Full-jitter exponential backoff between attempts to reach the relay, 0.5 s to 60 s (protocol 5.6). */
export class Backoff {
  readonly #random: RandomSource;
  #attempt = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Milliseconds until the next attempt; the range doubles with each call. */
  next(): number {
    const range = Math.min(LIMITS.backoffMaxMs, LIMITS.backoffMinMs * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 16);
    return this.#random.fraction() * range;
  }

  /**
   * Milliseconds after having been superseded (4001). Two doors with one key throw each other out; at the slow end they
   * do so twice a minute instead of at full speed, and the operator sees it.
   */
  slow(): number {
    return LIMITS.backoffMaxMs / 2 + this.#random.fraction() * (LIMITS.backoffMaxMs / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
