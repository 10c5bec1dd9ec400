import { LIMITS } from '../protocol/limits.js';
import type { RandomSource, TimeSource } from './ambient.js';

/** Challenges that may live at once; one more pushes out the oldest (protocol 19.4). */
const PLACES = 16;
const LIFE_MS = LIMITS.doorChallengeSeconds * 1000;

/**
 * Challenges this boot has made (protocol 19.4): 32 random bytes, 30 s, in memory only. A command that names a live one
 * is fresh whatever its `iat` says, because nobody can have known it before.
 */
export class Challenges {
  readonly #time: TimeSource;
  readonly #random: RandomSource;
  /** Challenge -> monotonic ms of its end, oldest first. */
  readonly #live = new Map<string, number>();

  constructor(time: TimeSource, random: RandomSource) {
    this.#time = time;
    this.#random = random;
  }

  make(): string {
    const [oldest] = this.#live.keys();
    if (this.#live.size >= PLACES && oldest !== undefined) this.#live.delete(oldest);
    const challenge = this.#random.bytes(32).toString('base64url');
    this.#live.set(challenge, this.#time.monotonic() + LIFE_MS);
    return challenge;
  }

  /** False for one that is unknown, spent, pushed out or old. */
  isLive(challenge: string): boolean {
    const end = this.#live.get(challenge);
    return end !== undefined && this.#time.monotonic() <= end;
  }

  /** Spent by the first command whose credential is good. */
  burn(challenge: string): void {
    this.#live.delete(challenge);
  }
}
