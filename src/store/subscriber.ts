/**
 * One pub/sub connection that is made again whenever it is lost, with its channels. ioredis can resubscribe too, but says
 * "ready" before the server has the subscriptions, and whoever re-checks at that moment misses what is published in between.
 */
import type { Redis } from 'ioredis';

import type { Cancel, Clock } from '../clock.js';
import { toStoreError, unavailable } from './store-errors.js';

/** Called with the channel's message; must not throw. */
export type MessageListener = (message: string) => void;

interface Channel {
  readonly listeners: Set<MessageListener>;
  /** Settles when the server has the subscription, or could not be asked. */
  readonly subscribed: Promise<unknown>;
}

/** A silent connection is tried this often, so that one that died without a word is noticed. */
const PING_INTERVAL_MS = 2000;
const RECONNECT_MAX_MS = 1000;

export class Subscriber {
  readonly #create: () => Redis;
  readonly #clock: Pick<Clock, 'after' | 'every'>;
  readonly #channels = new Map<string, Channel>();
  readonly #resubscribed = new Set<() => void>();
  /** The latest connection; `#ready` says whether it can be used. */
  #connection: Redis | undefined;
  #ready = false;
  /** Set until the first connection stands. */
  #firstReady: (() => void) | undefined;
  #closed = false;
  #failures = 0;
  #cancelReconnect: Cancel | undefined;
  #cancelPing: Cancel | undefined;

  /** `create` makes a fresh connection that is not connected yet and ends when lost. */
  constructor(create: () => Redis, clock: Pick<Clock, 'after' | 'every'>) {
    this.#create = create;
    this.#clock = clock;
  }

  /** Begins to connect, and to stay connected; settles when connected for the first time. */
  start(): Promise<void> {
    this.#cancelPing = this.#clock.every(PING_INTERVAL_MS, () => this.#checkAlive());
    return new Promise((resolve) => {
      this.#firstReady = resolve;
      this.#connect();
    });
  }

  /** Subscribes; the returned function unsubscribes. Throws `store_unavailable`, and then nothing is subscribed. */
  async subscribe(channel: string, listener: MessageListener): Promise<() => Promise<void>> {
    if (this.#closed || !this.#ready || this.#connection === undefined)
      throw unavailable(new Error('The subscriber is not connected.'));
    let entry = this.#channels.get(channel);
    if (entry === undefined) {
      entry = { listeners: new Set(), subscribed: this.#connection.subscribe(channel) };
      this.#channels.set(channel, entry);
    }
    const mine = entry;
    // One function value may be handed in twice; each subscription must be its own.
    const own: MessageListener = (message) => listener(message);
    mine.listeners.add(own);
    try {
      await mine.subscribed;
    } catch (error) {
      await this.#remove(channel, mine, own);
      throw toStoreError(error);
    }
    return () => this.#remove(channel, mine, own);
  }

  /** Calls `listener` each time the connection and its subscriptions are back; the returned function ends that. */
  onResubscribed(listener: () => void): () => void {
    const own = (): void => listener();
    this.#resubscribed.add(own);
    return () => void this.#resubscribed.delete(own);
  }

  /** Disconnects for good; settles when the server has seen it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ready = false;
    this.#cancelPing?.();
    this.#cancelReconnect?.();
    this.#channels.clear();
    this.#resubscribed.clear();
    const connection = this.#connection;
    if (connection === undefined || connection.status === 'end') return;
    const ended = new Promise((resolve) => connection.once('end', resolve));
    connection.disconnect();
    await ended;
  }

  async #remove(channel: string, entry: Channel, own: MessageListener): Promise<void> {
    entry.listeners.delete(own);
    if (entry.listeners.size > 0 || this.#channels.get(channel) !== entry) return;
    this.#channels.delete(channel);
    // A lost connection has no subscriptions, and the next one does not get this channel.
    if (this.#ready) await this.#connection?.unsubscribe(channel).catch(() => undefined);
  }

  #connect(): void {
    const connection = this.#create();
    this.#connection = connection;
    connection.on('message', (channel: string, message: string) => {
      for (const listener of this.#channels.get(channel)?.listeners ?? []) listener(message);
    });
    connection.once('end', () => this.#lost(connection));
    connection.connect().then(
      () => this.#restore(connection),
      () => connection.disconnect(),
    );
  }

  #restore(connection: Redis): void {
    if (this.#closed) {
      connection.disconnect();
      return;
    }
    this.#ready = true;
    const names = [...this.#channels.keys()];
    const restored = names.length === 0 ? Promise.resolve() : connection.subscribe(...names);
    restored.then(
      () => this.#restored(connection),
      () => connection.disconnect(),
    );
  }

  #restored(connection: Redis): void {
    if (this.#closed || this.#connection !== connection) return;
    this.#failures = 0;
    if (this.#firstReady === undefined) {
      for (const listener of this.#resubscribed) listener();
    } else {
      this.#firstReady();
      this.#firstReady = undefined;
    }
  }

  #lost(connection: Redis): void {
    connection.removeAllListeners('message');
    if (this.#closed || this.#connection !== connection) return;
    this.#ready = false;
    this.#connection = undefined;
    const delayMs = Math.min(50 * 2 ** this.#failures, RECONNECT_MAX_MS);
    this.#cancelReconnect = this.#clock.after(delayMs, () => this.#connect());
    this.#failures = Math.min(this.#failures + 1, 10);
  }

  #checkAlive(): void {
    const connection = this.#connection;
    if (!this.#ready || connection === undefined) return;
    connection.ping().catch(() => connection.disconnect());
  }
}
