import { doorKeys, channels, fleetKeys, nodeKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** What a relay learns when it renews its lease (protocol 5.5). */
export interface Beat {
  /** False when the lease had run out (or never was): presence must be asserted again. */
  readonly hadLease: boolean;
  readonly live: readonly string[];
  /** Relays whose lease ran out and whose doors nobody has taken offline yet. */
  readonly expired: readonly string[];
}

/** Relays, their leases, and which doors each holds (an index; a door's `live` hash is the truth). */
export class NodeStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async beat(nodeId: string, leaseMs: number): Promise<Beat> {
    const [had, count, ...nodes] = (await this.#link.call('node_beat', [fleetKeys.nodes], [nodeId, leaseMs])) as [
      number,
      number,
      ...string[],
    ];
    return { hadLease: had === 1, live: nodes.slice(0, count), expired: nodes.slice(count) };
  }

  /** Relays whose lease has not run out, by the clock of Redis. */
  async live(): Promise<readonly string[]> {
    return this.#link.run(async (client) => {
      const [seconds] = await client.time();
      return client.zrangebyscore(fleetKeys.nodes, Number(seconds) * 1000, '+inf');
    });
  }

  /** Gives the lease up at a graceful stop. */
  async leave(nodeId: string): Promise<void> {
    await this.#link.run(async (client) => {
      await client.zrem(fleetKeys.nodes, nodeId);
      await client.del(nodeKeys(nodeId).doors);
    });
  }

  async addDoor(nodeId: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.sadd(nodeKeys(nodeId).doors, doorId));
  }

  async removeDoor(nodeId: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.srem(nodeKeys(nodeId).doors, doorId));
  }

  /** True when this caller is the one to sweep a dead relay; others try again after `leaseMs`. */
  async claimSweep(nodeId: string, leaseMs: number): Promise<boolean> {
    return (await this.#link.run((client) => client.set(nodeKeys(nodeId).sweep, '1', 'PX', leaseMs, 'NX'))) === 'OK';
  }

  /** Doors that were on a relay, in pages. */
  async *doorsOf(nodeId: string): AsyncGenerator<readonly string[]> {
    let cursor = '0';
    do {
      const [next, doors] = await this.#link.run((client) =>
        client.sscan(nodeKeys(nodeId).doors, cursor, 'COUNT', 200),
      );
      yield doors;
      cursor = next;
    } while (cursor !== '0');
  }

  /** Takes a door offline if the dead relay still has it; true when it had. */
  async dropDoor(nodeId: string, doorId: string, auditEntry: string): Promise<boolean> {
    const keys = doorKeys(doorId);
    return (
      (await this.#link.call(
        'door_detach',
        [keys.live, keys.state, keys.auditTraffic],
        ['node', nodeId, channels.door(doorId), auditEntry],
      )) === 1
    );
  }
}
