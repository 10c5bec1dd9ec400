import { fleetKeys, nodeKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** What a relay learns when it renews its lease (protocol 5.5). */
export interface Beat {
  /** False when the lease had run out (or never was): presence must be asserted again. */
  readonly hadLease: boolean;
  readonly live: readonly string[];
  /** Relays whose lease ran out and whose doors nobody has taken offline yet. */
  readonly expired: readonly string[];
}

/** Relays and their leases. */
export class RelayStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async beat(relayId: string, leaseMs: number): Promise<Beat> {
    const [had, count, ...relays] = (await this.#link.call('node_beat', [fleetKeys.relays], [relayId, leaseMs])) as [
      number,
      number,
      ...string[],
    ];
    return { hadLease: had === 1, live: relays.slice(0, count), expired: relays.slice(count) };
  }

  /** Relays whose lease has not run out, by the clock of Redis. */
  async live(): Promise<readonly string[]> {
    return this.#link.run(async (client) => {
      const [seconds] = await client.time();
      return client.zrangebyscore(fleetKeys.relays, Number(seconds) * 1000, '+inf');
    });
  }

  /** Gives a lease up, at a graceful stop or for a dead relay whose doors were taken offline. */
  async leave(relayId: string): Promise<void> {
    await this.#link.run(async (client) => {
      await client.zrem(fleetKeys.relays, relayId);
      await client.del(nodeKeys(relayId).doors);
    });
  }

  /** True when this caller is the one to sweep a dead relay; others try again after `leaseMs`. */
  async claimSweep(relayId: string, leaseMs: number): Promise<boolean> {
    return (await this.#link.run((client) => client.set(nodeKeys(relayId).sweep, '1', 'PX', leaseMs, 'NX'))) === 'OK';
  }
}
