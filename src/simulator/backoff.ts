import { LIMITS } from '../protocol/limits.js';
import type { RandomSource } from './ambient.js';

/** Full-jitter exponential backoff between attempts to reach the relay (protocol 5.6). */
export class Backoff {
  readonly #random: RandomSource;
  #attempt = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Milliseconds until the next attempt, between 0.5 s and a ceiling that doubles with each call, from 1 s to 60 s. */
  next(): number {
    this.#attempt = Math.min(this.#attempt + 1, 16);
    const ceiling = Math.min(LIMITS.backoffMaxMs, LIMITS.backoffMinMs * 2 ** this.#attempt);
    return LIMITS.backoffMinMs + this.#random.fraction() * (ceiling - LIMITS.backoffMinMs);
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
