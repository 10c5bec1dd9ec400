import { fleetKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** Key bans (protocol 4, 11.2): a fleet-wide list, mirrored as a flag on the doors that have the key. */
export class KeyBanStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async isBanned(kid: string): Promise<boolean> {
    return (await this.#link.run((client) => client.hexists(fleetKeys.bans, kid))) === 1;
  }

  async setBan(kid: string, at: number): Promise<void> {
    await this.#link.run((client) => client.hset(fleetKeys.bans, kid, at));
  }

  async clearBan(kid: string): Promise<boolean> {
    return (await this.#link.run((client) => client.hdel(fleetKeys.bans, kid))) === 1;
  }

  async rememberKid(kid: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.sadd(fleetKeys.kidDoors(kid), doorId));
  }

  async doorsWithKid(kid: string): Promise<readonly string[]> {
    return this.#link.run((client) => client.smembers(fleetKeys.kidDoors(kid)));
  }
}
