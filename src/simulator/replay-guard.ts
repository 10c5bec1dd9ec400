import { LIMITS } from '../protocol/limits.js';
import type { TimeSource } from './ambient.js';
import type { DoorClock } from './door-clock.js';

/**
 * How long a `jti` is remembered. A retry keeps the `jti` of the first envelope under an `iat` of its own, up to 45 s later,
 * and a relay may hold it back for as long as that is fresh: one window would let the second one in.
 */
const REMEMBER_MS = 2 * LIMITS.freshnessMs;

interface Entry {
  /** Absent for a command that came with a challenge: its `iat` may say anything. */
  readonly iat: number | undefined;
  /** Monotonic ms. */
  readonly at: number;
}

/**
 * Remembers accepted envelopes (protocol 6.6). Bounded: a full ring makes the door answer `busy`, because forgetting an
 * entry early would let it in a second time. What leaves the ring raises a floor of `iat`, so that no movement of the
 * clock, neither by the relay nor by a corrected SNTP, brings an old envelope back. `replayed` is said of a `jti` in the
 * ring alone, because it tells the sender that the command was taken; of what is below the floor nobody can tell.
 */
export class ReplayGuard {
  readonly #clock: DoorClock;
  readonly #time: TimeSource;
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  #floor: number;

  /**
   * @param bootMark Mark that was persisted when this boot began, Unix ms: the floor that stands in for the entries lost.
   * @param remembered The last ids accepted before it: a retry of the very command that restarted the door has one.
   * @param capacity Entries.
   */
  constructor(clock: DoorClock, time: TimeSource, bootMark: number, remembered: readonly string[], capacity: number) {
    this.#clock = clock;
    this.#time = time;
    this.#floor = bootMark;
    this.#capacity = capacity;
    for (const jti of remembered) this.record(jti, undefined);
  }

  /** What speaks against an envelope that rests on its `iat`; `undefined`: it is fresh. */
  judge(jti: string, iat: number): 'stale' | 'replayed' | undefined {
    if (Math.abs(this.#clock.now() - iat) > LIMITS.freshnessMs) return 'stale';
    if (this.has(jti)) return 'replayed';
    return iat > this.#floor ? undefined : 'stale';
  }

  has(jti: string): boolean {
    return this.#entries.has(jti);
  }

  /**
   * Records an accepted envelope; false when the ring is full (`busy`) and nothing was recorded.
   *
   * @param iat `undefined` when a challenge stood in for it: then it neither raises the floor nor says how long to remember.
   */
  record(jti: string, iat: number | undefined): boolean {
    if (this.#entries.size >= this.#capacity) this.#tidy();
    if (this.#entries.size >= this.#capacity) return false;
    this.#entries.set(jti, { iat, at: this.#time.monotonic() });
    return true;
  }

  /** Takes a record back whose mark could not be persisted: the command did not run. */
  forget(jti: string): void {
    this.#entries.delete(jti);
  }

  #tidy(): void {
    const oldest = this.#clock.now() - REMEMBER_MS;
    const since = this.#time.monotonic() - REMEMBER_MS;
    for (const [jti, { iat, at }] of this.#entries) {
      if (iat === undefined ? at >= since : iat >= oldest) continue;
      this.#entries.delete(jti);
      if (iat !== undefined) this.#floor = Math.max(this.#floor, iat);
    }
  }
}
