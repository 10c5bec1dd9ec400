/**
 * Sites whose bucket (protocol 8.1) the store found empty, until there is a token again. Who sends on regardless is refused
 * here: a flood costs the store nothing, and takes nothing from the commands of others while the relay is overloaded.
 */
import type { Clock } from '../clock.js';

/** The earliest found is forgotten for the next; a site that is forgotten is asked for again. */
const SITES_MOST = 4096;

export class SpentBuckets {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Site -> monotonic milliseconds at which it has a token again. */
  readonly #until = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The store refused `siteId` for `retryAfterMs`. */
  note(siteId: string, retryAfterMs: number): void {
    const oldest = this.#until.size >= SITES_MOST ? this.#until.keys().next().value : undefined;
    if (oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(siteId, this.#clock.monotonic() + retryAfterMs);
  }

  /** Milliseconds until the site has a token; 0: it may, as far as is known here. */
  waitMs(siteId: string): number {
    const until = this.#until.get(siteId);
    if (until === undefined) return 0;
    const waitMs = until - this.#clock.monotonic();
    if (waitMs > 0) return waitMs;
    this.#until.delete(siteId);
    return 0;
  }
}
