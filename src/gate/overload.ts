/**
 * Refuses new commands while there is more to do than this relay can (protocol 8.1), so early that those let in are answered
 * long before their deadline. Only new commands give way: what ends one, what asks for its state and what keeps a door connected never do.
 *
 * Two things are looked at: how late this process's own clock rings, which is how long everything that arrived waits for its
 * turn, and the store's queue. A command waits about five such turns, so a lateness of 150 ms is less than a second for it. From
 * both comes a pressure; above 1 the part of commands that is let in shrinks with it, below a half it grows slowly, and in between it
 * stays. Refused is every so-many-th, not everybody for a while: what is let in keeps the relay as busy as it can be. And two hundred a
 * second are let in at any rate: a relay with little to do on a machine that is busy with something else refuses nobody.
 */
import type { Cancel, Clock } from '../clock.js';

export interface OverloadOptions {
  readonly clock: Clock;
  /** What waits to be sent to the store, and for how long the oldest of it has; 0 when nothing does. */
  readonly store: { readonly waiting: number; readonly oldestWaitMs: number };
  /** Told the part of new commands that is let in, 0 to 1, whenever it changes. */
  readonly onShare?: (share: number) => void;
}

const TICK_MS = 20;
/** Each of these alone is a pressure of 1. */
const LATE_MS = 150;
const STORE_WAIT_MS = 300;
const STORE_WAITING = 2048;
const CALM = 0.5;
/** At most to a quarter at a look: one long pause is no overload. */
const SHRINK_MOST = 0.25;
const SHRINK_EVERY_MS = 50;
const GROWTH_PER_SECOND = 0.3;
const LEAST_SHARE = 0.01;
/** Let in whatever the pressure: so many at once, and a second. */
const AT_ONCE = 200;
const FLOOR_PER_SECOND = 200;
/** Those refused are asked to come again after one second, up to this much later the fewer are let in. */
const RETRY_MS = 1000;
const RETRY_MORE_MS = 3000;

export class Overload {
  readonly #options: OverloadOptions;
  #share = 1;
  /** Commands that may be let in; each that comes adds the share of one, and time adds the floor. */
  #credit = AT_ONCE;
  #lookedAt = 0;
  #shrunkAt = -Infinity;
  #cancel: Cancel | undefined;

  constructor(options: OverloadOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    this.#lookedAt = clock.monotonic();
    this.#cancel = clock.every(TICK_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  /** A new command comes: 0 lets it in, anything else is after how many milliseconds to come again. */
  turnAway(): number {
    if (this.#share === 1) return 0;
    this.#credit = Math.min(AT_ONCE, this.#credit + this.#share);
    if (this.#credit < 1) return RETRY_MS + Math.round((1 - this.#share) * RETRY_MORE_MS);
    this.#credit -= 1;
    return 0;
  }

  #look(): void {
    const now = this.#options.clock.monotonic();
    const elapsedMs = now - this.#lookedAt;
    this.#lookedAt = now;
    this.#credit = Math.min(AT_ONCE, this.#credit + (FLOOR_PER_SECOND * elapsedMs) / 1000);
    const pressure = this.#pressure(elapsedMs - TICK_MS);
    if (pressure > 1 && now - this.#shrunkAt >= SHRINK_EVERY_MS) {
      this.#shrunkAt = now;
      this.#set(Math.max(LEAST_SHARE, this.#share * Math.max(SHRINK_MOST, 1 / pressure)));
    } else if (pressure < CALM && this.#share < 1) {
      this.#set(Math.min(1, this.#share + (GROWTH_PER_SECOND * elapsedMs) / 1000));
    }
  }

  #pressure(lateMs: number): number {
    const { waiting, oldestWaitMs } = this.#options.store;
    return Math.max(lateMs / LATE_MS, oldestWaitMs / STORE_WAIT_MS, waiting / STORE_WAITING);
  }

  #set(share: number): void {
    this.#share = share;
    this.#options.onShare?.(share);
  }
}
