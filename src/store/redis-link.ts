/**
 * One relay's link to Redis: a command connection, a subscriber connection, and calls of the functions library.
 * Everything that can go wrong with the connection comes out as `store_unavailable` (protocol 8.3), soon, and the link
 * recovers by itself. Nothing is ever sent twice: after an error the effect of a call is unknown (protocol 6.7).
 */
import type { Clock } from '../clock.js';
import { ConfigError } from '../config.js';
import { OpenLockError } from '../protocol/problem.js';
import { FunctionLibrary, wordsOf, type FunctionArgument, type Words } from './function-library.js';
import {
  createCommandClient,
  createSubscriberConnection,
  isReady,
  type ClientSettings,
  type RedisClient,
} from './redis-client.js';
import { describeRedisTarget, parseRedisUrl, RedisUrlError, type RedisTarget } from './redis-url.js';
import { isOutOfMemory, toStoreError, unavailable, withinTime } from './store-errors.js';
import { Subscriber, type MessageListener } from './subscriber.js';

export type { RedisClient } from './redis-client.js';
export type { MessageListener } from './subscriber.js';

export interface RedisLinkOptions {
  /** One of the forms of {@link parseRedisUrl}. */
  readonly url: string;
  /** Shown in CLIENT LIST, where relays and command lines are told apart by it; `openlock-` is put before it if missing. */
  readonly clientName: string;
  /** A command without a reply after this many milliseconds counts as lost: its effect is unknown (protocol 6.7). */
  readonly commandTimeoutMs: number;
  readonly clock: Pick<Clock, 'after' | 'every' | 'monotonic'>;
  /** How long {@link RedisLink.open} waits for Redis, in milliseconds; default 3000. */
  readonly openTimeoutMs?: number;
}

/** What the command connection went through; `reason` is the latest error, without secrets. */
export interface ConnectionChange {
  readonly connected: boolean;
  readonly reason: string | undefined;
}

/** Replies to a new connection that will be the same the next time. */
const REFUSALS = /WRONGPASS|NOAUTH|NOPERM|DB index/;
const CLOSE_TIMEOUT_MS = 1000;
/** A Cluster may follow redirections; all of them together get this much more than one command. */
const REDIRECTION_ALLOWANCE_MS = 100;

export class RedisLink {
  readonly client: RedisClient;
  readonly library: FunctionLibrary;
  readonly clock: RedisLinkOptions['clock'];
  readonly #settings: ClientSettings;
  readonly #subscriber: Subscriber;
  readonly #changes = new Set<(change: ConnectionChange) => void>();
  readonly #resubscribed = new Set<() => void>();
  readonly #outOfMemory = new Set<() => void>();
  /** Subscriptions are back, but nobody was told yet: they could not re-check anything. */
  #owesResubscribed = false;
  #connected = false;
  #lastError: string | undefined;

  private constructor(settings: ClientSettings, clock: RedisLinkOptions['clock']) {
    this.#settings = settings;
    this.clock = clock;
    this.client = createCommandClient(settings);
    this.library = new FunctionLibrary();
    this.#subscriber = new Subscriber(
      () => createSubscriberConnection({ ...settings, clientName: `${settings.clientName}-sub` }, this.client),
      clock,
    );
    this.client.on('error', (error: Error) => {
      this.#lastError = reasonOf(error);
    });
    this.client.on('ready', () => {
      this.#changed(true);
      this.#tellResubscribed();
    });
    this.client.on('close', () => this.#changed(false));
    this.#subscriber.onResubscribed(() => {
      this.#owesResubscribed = true;
      this.#tellResubscribed();
    });
  }

  /**
   * Connects and loads the functions library. Throws {@link ConfigError} when the URL or the server behind it is unusable,
   * `store_unavailable` when Redis cannot be reached in time.
   */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const target = usableTarget(options.url);
    const { commandTimeoutMs, clock } = options;
    const link = new RedisLink({ target, clientName: clientName(options.clientName), commandTimeoutMs }, clock);
    try {
      await withinTime(clock, options.openTimeoutMs ?? 3000, link.#start());
      return link;
    } catch (error) {
      const failure = link.#openFailure(error);
      await link.close();
      throw failure;
    }
  }

  /** Calls a function of the library (`redis/functions`). Its effect is unknown when this throws `store_unavailable`. */
  call(name: string, keys: readonly string[], args: readonly FunctionArgument[]): Promise<unknown> {
    return this.callWords(name, keys, wordsOf(args));
  }

  /** As `call`, with the arguments written already. */
  callWords(name: string, keys: readonly string[], args: Words): Promise<unknown> {
    return this.run((client) => this.library.callWords(client, name, keys, args));
  }

  /** Runs single-key commands on the client, with connection errors turned into `store_unavailable`. */
  async run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    // Without this a Cluster client would queue the command and send it long after the caller was told it failed.
    if (!this.ready) throw unavailable(new Error(this.#lastError ?? `The connection is ${this.client.status}.`));
    try {
      return await this.#bounded(work(this.client));
    } catch (error) {
      if (isOutOfMemory(error)) for (const listener of this.#outOfMemory) listener();
      throw toStoreError(error);
    }
  }

  /** Called each time Redis refused a write for want of memory. The returned function ends that. */
  onOutOfMemory(listener: () => void): () => void {
    const own = (): void => listener();
    this.#outOfMemory.add(own);
    return () => void this.#outOfMemory.delete(own);
  }

  /** Publishes a hint; pub/sub is at most once, never the message itself (facts). */
  async publish(channel: string, message: string): Promise<void> {
    await this.run((client) => client.publish(channel, message));
  }

  /** Subscribes; the returned function unsubscribes. Throws `store_unavailable`, and then nothing is subscribed. */
  subscribe(channel: string, listener: MessageListener): Promise<() => Promise<void>> {
    return this.#subscriber.subscribe(channel, listener);
  }

  /**
   * Called each time the subscriptions are back after a loss, and commands go through: hints sent meanwhile are lost, so
   * re-check what they were about. The returned function ends that.
   */
  onResubscribed(listener: () => void): () => void {
    const own = (): void => listener();
    this.#resubscribed.add(own);
    return () => void this.#resubscribed.delete(own);
  }

  /** For logs and metrics: called when the store goes away and when it is back. The returned function ends that. */
  onConnectionChange(listener: (change: ConnectionChange) => void): () => void {
    const own = (change: ConnectionChange): void => listener(change);
    this.#changes.add(own);
    return () => void this.#changes.delete(own);
  }

  /** Where the server is, for people: without user and password. */
  get address(): string {
    return describeRedisTarget(this.#settings.target);
  }

  /** Keys are spread over several masters: those of one call must have the same tag. */
  get isCluster(): boolean {
    return this.client.isCluster;
  }

  /** True while commands would be sent at once. */
  get ready(): boolean {
    return isReady(this.client);
  }

  /** Disconnects; settles when the server has seen it, or after a second. Commands under way end as `store_unavailable`. */
  async close(): Promise<void> {
    this.#changes.clear();
    this.#resubscribed.clear();
    this.#outOfMemory.clear();
    // A client without a connection ends without saying so.
    const connected = ['connecting', 'connect', 'ready'].includes(this.client.status);
    const ended = connected ? new Promise((resolve) => this.client.once('end', resolve)) : Promise.resolve();
    const unsubscribed = this.#subscriber.close();
    this.client.disconnect();
    await withinTime(this.clock, CLOSE_TIMEOUT_MS, Promise.all([ended, unsubscribed])).catch(() => undefined);
  }

  async #start(): Promise<void> {
    // The client goes on trying after a first failure, which is right unless the server refuses us.
    const ready = new Promise((resolve, reject) => {
      this.client.once('ready', resolve);
      this.client.on('error', (error: Error) => {
        if (REFUSALS.test(reasonOf(error))) reject(error);
      });
    });
    this.client.connect().catch(() => undefined);
    await ready;
    await Promise.all([this.#subscriber.start(), this.library.load(this.client)]);
    await this.library.tidy(this.client);
  }

  #bounded<T>(work: Promise<T>): Promise<T> {
    // One connection limits every command by itself; a Cluster client counts anew for each redirection.
    if (!this.client.isCluster) return work;
    return withinTime(this.clock, this.#settings.commandTimeoutMs + REDIRECTION_ALLOWANCE_MS, work);
  }

  #tellResubscribed(): void {
    if (!this.#owesResubscribed || !this.ready) return;
    this.#owesResubscribed = false;
    for (const listener of this.#resubscribed) listener();
  }

  #changed(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    const reason = connected ? undefined : this.#lastError;
    if (connected) this.#lastError = undefined;
    for (const listener of this.#changes) listener({ connected, reason });
  }

  /** The error an operator needs to see when a link cannot be opened. */
  #openFailure(error: unknown): unknown {
    const where = this.address;
    const failure = toStoreError(error);
    const text = `${reasonOf(failure)} ${this.#lastError ?? ''}`;
    if (/unknown command/i.test(text))
      return new ConfigError([
        `OPENLOCK_REDIS_URL: the server at ${where} has no functions; Redis 7.0 or newer is needed.`,
      ]);
    if (REFUSALS.test(text)) {
      return new ConfigError([
        `OPENLOCK_REDIS_URL: the server at ${where} refuses the user, password or database, or the user lacks a permission of redis/users.acl (${this.#lastError ?? reasonOf(failure)}).`,
      ]);
    }
    if (!(failure instanceof OpenLockError)) return failure;
    const reason = this.#lastError ?? reasonOf(failure.extras.cause ?? failure);
    return new OpenLockError('store_unavailable', `The store at ${where} cannot be reached: ${reason}`, {
      retryAfterMs: 1000,
      cause: failure,
    });
  }
}

function usableTarget(url: string): RedisTarget {
  try {
    return parseRedisUrl(url);
  } catch (error) {
    throw error instanceof RedisUrlError ? new ConfigError([error.message]) : error;
  }
}

function clientName(name: string): string {
  const safe = name.replace(/[^\x21-\x7e]/g, '_');
  return safe.startsWith('openlock-') ? safe : `openlock-${safe}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // ClusterAllFailedError hides what happened to the last node it tried.
  const { lastNodeError } = error as { lastNodeError?: unknown };
  return lastNodeError instanceof Error ? `${error.message} ${lastNodeError.message}` : error.message || error.name;
}
