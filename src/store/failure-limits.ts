import { LRUCache } from 'lru-cache';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

import { addressKey } from '../addresses.js';
import type { Clock } from '../clock.js';
import { fleetKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';
import { toStoreError, unavailable } from './store-errors.js';

export interface FailureLimitsOptions {
  readonly clock: Clock;
  /** Failures that block an address; default 20 (protocol 8.2). */
  readonly points?: number;
  /** Seconds within which they count together; default 300. */
  readonly durationSeconds?: number;
  /** Seconds a block lasts; default 900. */
  readonly blockSeconds?: number;
  /** Called once a block, by the relay that met the failure that made it. */
  readonly onBlocked?: (address: string) => void;
}

const BLOCKED_REMEMBERED = 10_000;

/**
 * Counts failed authentications per address over the whole fleet and blocks who fails too often (protocol 8.2). IPv6
 * counts by /64. The store down is an error and never a pass (8.3).
 */
export class FailureLimits {
  readonly #limiter: RateLimiterRedis;
  readonly #points: number;
  readonly #clock: Clock;
  readonly #onBlocked: (address: string) => void;
  /** Blocked network -> end (monotonic ms). Only blocks are remembered: they cannot be taken back, a missing one is looked up. */
  readonly #blocked = new LRUCache<string, number>({ max: BLOCKED_REMEMBERED });

  constructor(link: RedisLink, options: FailureLimitsOptions) {
    this.#clock = options.clock;
    this.#points = options.points ?? 20;
    this.#onBlocked = options.onBlocked ?? (() => undefined);
    // No inMemoryBlockOnConsumed: with keys of an attacker's choosing it costs quadratic time (docs of the limiter, measured).
    this.#limiter = new RateLimiterRedis({
      storeClient: link.client,
      keyPrefix: fleetKeys.failures,
      // The limiter refuses what comes after `points`; here the failure number `points` itself blocks.
      points: this.#points - 1,
      duration: options.durationSeconds ?? 300,
      blockDuration: options.blockSeconds ?? 900,
      // A Cluster client that is down would queue commands for ever; refused is what 8.3 asks for.
      rejectIfRedisNotReady: true,
    });
  }

  /** Milliseconds the address stays blocked; 0: it is not. Throws `store_unavailable`. */
  async isBlocked(address: string): Promise<number> {
    const network = addressKey(address);
    const until = this.#blocked.get(network);
    if (until !== undefined) {
      const left = until - this.#clock.monotonic();
      if (left > 0) return Math.ceil(left);
      this.#blocked.delete(network);
    }
    const state = await this.#limiter.get(network).catch((error: unknown) => {
      throw toStoreError(error);
    });
    if (state === null) return 0;
    if (!Number.isFinite(state.consumedPoints)) throw unavailable(new Error('the limiter read no number'));
    return state.consumedPoints >= this.#points ? this.#remember(network, state.msBeforeNext) : 0;
  }

  /** Counts one failure. Throws `store_unavailable` when it could not be counted. */
  async record(address: string): Promise<void> {
    const network = addressKey(address);
    try {
      await this.#limiter.consume(network);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw toStoreError(error);
      this.#remember(network, error.msBeforeNext);
      if (error.consumedPoints === this.#points) this.#onBlocked(address);
    }
  }

  #remember(network: string, milliseconds: number): number {
    this.#blocked.set(network, this.#clock.monotonic() + milliseconds);
    return Math.max(1, Math.ceil(milliseconds));
  }
}
