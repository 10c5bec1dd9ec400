import { LRUCache } from 'lru-cache';

import type { Clock } from '../clock.js';
import type { SiteStore } from '../store/site-store.js';
import { normaliseOrigin } from './origin.js';

const REMEMBERED = 2000;
const REMEMBER_MS = 2000;

/**
 * Answers whether some verified, unblocked site has an origin (protocol 3.6). A yes is remembered for two seconds; a no is
 * not, so that a website that has just logged in is known at once on every relay.
 */
export class KnownOrigins {
  readonly #store: SiteStore;
  readonly #clock: Clock;
  /** Origin -> until when (monotonic ms) it counts as known. */
  readonly #known = new LRUCache<string, number>({ max: REMEMBERED });

  constructor(store: SiteStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async has(origin: string): Promise<boolean> {
    if ((this.#known.get(origin) ?? -Infinity) > this.#clock.monotonic()) return true;
    // Also keeps arbitrary header text out of key names.
    if (normaliseOrigin(origin, { allowHttp: true }) !== origin) return false;
    const sites = await this.#store.sitesOfOrigin(origin);
    const known = sites.some((site) => site.verifiedAt !== undefined && !site.blocked);
    if (known) this.#known.set(origin, this.#clock.monotonic() + REMEMBER_MS);
    return known;
  }

  /** After a block made here; other relays learn of it within two seconds. */
  forget(): void {
    this.#known.clear();
  }
}
