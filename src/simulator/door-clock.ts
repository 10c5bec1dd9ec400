import type { TimeSource } from './ambient.js';

/** Relay time may move the door's clock by this much from its own count, in all (protocol 6.6). Milliseconds. */
export const MAX_RELAY_SHIFT_MS = 60_000;

/**
 * The door's clock by protocol 6.6. SNTP sets it before the first welcome; from then on it counts monotonic time, and
 * relay time moves it by at most 60 s from that count, so that a hostile relay can neither revive an old envelope nor
 * make the door accept one from the far future. It never shows less than the persisted mark.
 */
export class DoorClock {
  readonly #time: TimeSource;
  #mark: number;
  /** Unix ms minus monotonic ms, as set before the first welcome. */
  #base: number | undefined;
  #shift = 0;
  #welcomed = false;

  /** @param mark Persisted high-water mark of accepted `iat`, Unix ms (0: none). */
  constructor(time: TimeSource, mark: number) {
    this.#time = time;
    this.#mark = mark;
  }

  /** Whole Unix milliseconds. Before SNTP or a welcome, the mark. */
  now(): number {
    return Math.max(this.#mark, Math.floor(this.#counted() + this.#shift));
  }

  /** The least `now()` can be made to show from here on: what must still be remembered is judged by this. */
  earliest(): number {
    return Math.max(this.#mark, this.#counted() - MAX_RELAY_SHIFT_MS);
  }

  /** Time from SNTP; ignored after the first welcome. */
  sntp(unixMs: number): void {
    if (!this.#welcomed) this.#base = unixMs - this.#time.monotonic();
  }

  /** Time from a welcome or a keep-alive. Without SNTP the first one sets the clock, for want of anything better. */
  relay(unixMs: number): void {
    this.#base ??= unixMs - this.#time.monotonic();
    this.#welcomed = true;
    this.#shift = Math.min(MAX_RELAY_SHIFT_MS, Math.max(-MAX_RELAY_SHIFT_MS, unixMs - this.#counted()));
  }

  /** Follows the persisted mark upwards. */
  raiseMark(mark: number): void {
    this.#mark = Math.max(this.#mark, mark);
  }

  #counted(): number {
    return this.#base === undefined ? 0 : this.#base + this.#time.monotonic();
  }
}
