import { channels } from './keys.js';
import type { MessageListener, RedisLink } from './redis-link.js';

/** Messages between relays over pub/sub: hints and answers, at most once, never the only copy of anything. */
export class RelayMail {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async toRelay(relayId: string, message: object): Promise<void> {
    await this.#link.publish(channels.node(relayId), JSON.stringify(message));
  }

  /** Tells every relay (protocol 3.4: at once on every relay). */
  async toFleet(message: object): Promise<void> {
    await this.#link.publish(channels.fleet, JSON.stringify(message));
  }

  /** What is sent to this relay, and what is sent to all of them. */
  async onMessage(relayId: string, listener: MessageListener): Promise<() => Promise<void>> {
    const ends = [
      await this.#link.subscribe(channels.node(relayId), listener),
      await this.#link.subscribe(channels.fleet, listener),
    ];
    return async () => {
      for (const end of ends) await end();
    };
  }

  /** Events, presence and states of one door. */
  onDoorEvents(doorId: string, listener: MessageListener): Promise<() => Promise<void>> {
    return this.#link.subscribe(channels.door(doorId), listener);
  }

  onResubscribed(listener: () => void): void {
    this.#link.onResubscribed(listener);
  }
}
