/**
 * Group commit: what a relay asks of the store in one turn of its event loop goes as one call of one Redis function, in the order
 * in which it came. One call costs Redis little more than one item of it would cost alone, and is synced to disk once.
 *
 * What 6.7 asks holds for each item as for a call of its own: after a lost reply every item of that call is unknown, and none is
 * sent again. Only a reply that proves that nothing of the call ran leads to a second call.
 */
import type { Clock } from '../clock.js';
import { wordsOf, type FunctionArgument, type Words } from './function-library.js';
import type { RedisLink } from './redis-link.js';
import { isOutOfMemory, toStoreError, unavailable } from './store-errors.js';

/** One thing asked of the store. */
export interface BatchItem {
  /** Tag of the keys it is about; in a Cluster a call is of one tag. */
  readonly tag: string;
  /** What the items of a call share, first in it; items without it go with any. The same object each time saves work. */
  readonly head?: Words;
  /** Name and arguments, as the function reads them. */
  readonly words: readonly FunctionArgument[];
  /** It ends something, and must work in a store that is full (protocol 8.3). */
  readonly ends?: boolean;
}

export interface GroupCommitOptions {
  readonly link: Pick<RedisLink, 'callWords' | 'isCluster' | 'clock'>;
  /** The function of the library. */
  readonly name: string;
  /** The same for a store that is full, given only items that end something; `undefined`: the first is never refused for that. */
  readonly nameForEndings?: string;
  /** Where no item of a call brings one. */
  readonly head: Words;
  /** Told how many items each call has. */
  readonly onBatch?: ((items: number) => void) | undefined;
}

interface Waiting {
  readonly item: BatchItem;
  readonly words: Words;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Items that have to go in order: all there are, or in a Cluster those of one tag. */
interface Lane {
  readonly name: string;
  readonly waiting: Waiting[];
  outstanding: number;
}

/** More would hold up other calls of Redis for too long. */
const ITEMS_MAX = 64;
const BYTES_MAX = 256 * 1024;
/** One that Redis works at, and one that is ready when it is done. */
const OUTSTANDING_MAX = 2;
/** What waits beyond this is refused at once: it would wait longer than anybody waits for it. */
const WAITING_MAX = 4096;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #lanes = new Map<string, Lane>();
  #waiting = 0;
  #scheduled = false;
  #turnBegan = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#clock = options.link.clock;
  }

  /** Items that were not sent yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Milliseconds the oldest of them has waited; 0 when there is none. */
  get oldestWaitMs(): number {
    let oldest = Infinity;
    for (const { waiting } of this.#lanes.values()) oldest = Math.min(oldest, waiting[0]?.since ?? Infinity);
    return oldest === Infinity ? 0 : Math.max(0, this.#clock.monotonic() - oldest);
  }

  /**
   * The answer to one item. Throws `store_unavailable` when its effect is unknown, or when it was not sent at all; an error of Redis
   * when the item itself failed.
   */
  run(item: BatchItem): Promise<unknown> {
    if (this.#waiting >= WAITING_MAX)
      return Promise.reject(unavailable(new Error(`${WAITING_MAX} things wait for the store already.`)));
    if (!this.#scheduled) this.#schedule();
    const words = wordsOf(item.words);
    const lane = this.#laneOf(this.#options.link.isCluster ? item.tag : '');
    this.#waiting += 1;
    return new Promise((resolve, reject) => {
      lane.waiting.push({ item, words, since: this.#turnBegan, resolve, reject });
    });
  }

  #laneOf(name: string): Lane {
    const present = this.#lanes.get(name);
    if (present !== undefined) return present;
    const lane: Lane = { name, waiting: [], outstanding: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** At the end of the turn, when everything that has come is in line. */
  #schedule(): void {
    this.#scheduled = true;
    this.#turnBegan = this.#clock.monotonic();
    setImmediate(() => {
      this.#scheduled = false;
      for (const lane of this.#lanes.values()) {
        while (lane.waiting.length > 0 && lane.outstanding < OUTSTANDING_MAX) void this.#send(lane, this.#take(lane));
      }
    });
  }

  /** What goes in the next call: in order, up to the bounds, and under one head. */
  #take(lane: Lane): readonly Waiting[] {
    let bytes = 0;
    let head: Words | undefined;
    let count = 0;
    for (const { item, words } of lane.waiting) {
      bytes += words.text.length;
      if (count === ITEMS_MAX || (count > 0 && bytes > BYTES_MAX)) break;
      if (head !== undefined && item.head !== undefined && item.head.text !== head.text) break;
      head ??= item.head;
      count += 1;
    }
    this.#waiting -= count;
    return lane.waiting.splice(0, count);
  }

  async #send(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    const { name, nameForEndings, onBatch } = this.#options;
    lane.outstanding += 1;
    onBatch?.(batch.length);
    try {
      await this.#call(name, batch);
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      if (nameForEndings !== undefined && isOutOfMemory(cause)) {
        await this.#sendEndings(nameForEndings, batch, error);
      } else {
        for (const { reject } of batch) reject(error);
        // A store that does not answer would keep what stands in line as long, for nothing. It was never sent.
        if (!isReply(cause)) for (const { reject } of this.#empty(lane)) reject(error);
      }
    }
    lane.outstanding -= 1;
    if (lane.waiting.length + lane.outstanding === 0) this.#lanes.delete(lane.name);
    if (!this.#scheduled && this.#waiting > 0) this.#schedule();
  }

  /** The store is full and has refused the call as a whole, before anything of it ran: its endings go again, the rest is refused. */
  async #sendEndings(name: string, batch: readonly Waiting[], refusal: unknown): Promise<void> {
    const endings = batch.filter(({ item, reject }) => {
      if (item.ends !== true) reject(refusal);
      return item.ends === true;
    });
    if (endings.length === 0) return;
    try {
      await this.#call(name, endings);
    } catch (error) {
      for (const { reject } of endings) reject(error);
    }
  }

  async #call(name: string, batch: readonly Waiting[]): Promise<void> {
    const { link } = this.#options;
    const { head } = batch.find(({ item }) => item.head !== undefined)?.item ?? {};
    let { text, count } = head ?? this.#options.head;
    for (const { words } of batch) {
      text += words.text;
      count += words.count;
    }
    const answers = await link.callWords(name, [batch[0]?.item.tag ?? ''], { text, count }).catch((error: unknown) => {
      throw asUnknown(error);
    });
    if (!Array.isArray(answers) || answers.length !== batch.length)
      throw unavailable(new Error(`${name} did not answer each of its ${batch.length} items.`));
    batch.forEach(({ resolve, reject }, index) => {
      const answer: unknown = answers[index];
      if (answer instanceof Error) reject(toStoreError(answer));
      else resolve(answer);
    });
  }

  #empty(lane: Lane): readonly Waiting[] {
    this.#waiting -= lane.waiting.length;
    return lane.waiting.splice(0);
  }
}

/** A call that ended in an error of its own stopped midway: what its items have done nobody knows (protocol 6.7). */
function asUnknown(error: unknown): unknown {
  return isReply(error) ? unavailable(error) : error;
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
