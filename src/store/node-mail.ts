import { channels } from './keys.js';
import type { MessageListener, RedisLink } from './redis-link.js';

/** Messages between relays over pub/sub: hints and answers, at most once, never the only copy of anything. */
export class NodeMail {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async toNode(nodeId: string, message: object): Promise<void> {
    await this.#link.publish(channels.node(nodeId), JSON.stringify(message));
  }

  /** What other relays send to this one. */
  onNodeMessage(nodeId: string, listener: MessageListener): Promise<() => Promise<void>> {
    return this.#link.subscribe(channels.node(nodeId), listener);
  }

  /** Revocations, blocks and door changes, for every relay (protocol 3.4). */
  onFleetMessage(listener: MessageListener): Promise<() => Promise<void>> {
    return this.#link.subscribe(channels.fleet, listener);
  }

  /** Events, presence and states of one door. */
  onDoorEvents(doorId: string, listener: MessageListener): Promise<() => Promise<void>> {
    return this.#link.subscribe(channels.door(doorId), listener);
  }

  onResubscribed(listener: () => void): void {
    this.#link.onResubscribed(listener);
  }
}
