import { LIMITS } from '../protocol/limits.js';
import type { DoorClock } from './door-clock.js';

/** Tidying looks at every entry, so it is done at most this often unless the ring is full. Milliseconds. */
const TIDY_EVERY_MS = 1000;

/**
 * Remembers accepted envelopes for as long as they could be taken for fresh (protocol 6.6). Bounded: a full ring makes
 * the door answer `busy`, because forgetting an entry early would let it in a second time.
 *
 * `bootMark` stands in for the entries lost by a restart: what is not newer than the mark persisted then is stale.
 */
export class ReplayGuard {
  readonly #clock: DoorClock;
  readonly #bootMark: number;
  readonly #capacity: number;
  readonly #iatByJti = new Map<string, number>();
  #tidiedAt = 0;

  /** @param bootMark Mark that was persisted when this boot began, Unix ms. @param capacity Entries. */
  constructor(clock: DoorClock, bootMark: number, capacity: number) {
    this.#clock = clock;
    this.#bootMark = bootMark;
    this.#capacity = capacity;
  }

  /** Within 60 s of the door's clock, and newer than anything accepted before this boot. */
  isFresh(iat: number): boolean {
    return Math.abs(this.#clock.now() - iat) <= LIMITS.freshnessMs && iat > this.#bootMark;
  }

  has(jti: string): boolean {
    return this.#iatByJti.has(jti);
  }

  /** Records an accepted envelope; false when the ring is full (`busy`) and nothing was recorded. */
  record(jti: string, iat: number): boolean {
    this.#tidy();
    if (this.#iatByJti.size >= this.#capacity) return false;
    this.#iatByJti.set(jti, iat);
    return true;
  }

  /** Takes a record back whose mark could not be persisted: the command did not run. */
  forget(jti: string): void {
    this.#iatByJti.delete(jti);
  }

  #tidy(): void {
    const earliest = this.#clock.earliest();
    if (this.#iatByJti.size < this.#capacity && earliest - this.#tidiedAt < TIDY_EVERY_MS) return;
    this.#tidiedAt = earliest;
    for (const [jti, iat] of this.#iatByJti) {
      if (iat + LIMITS.freshnessMs < earliest) this.#iatByJti.delete(jti);
    }
  }
}
