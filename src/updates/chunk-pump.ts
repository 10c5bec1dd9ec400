/**
 * Sends image blocks to many doors without holding up commands: a few blocks at a time, in even steps, and no more bytes a second
 * than allowed. Most blocks go to the doors that began first, so that doors finish, restart and register one after the other
 * and not all at once; every fourth goes round all of them, so that none waits until it loses patience.
 */
import type { Cancel, Clock } from '../clock.js';

/** Somebody waiting for blocks. */
export interface ChunkTaker {
  /** True while it waits for a block. */
  readonly hungry: boolean;
  /** True while blocks sent before are unread: it is passed over until they are. */
  readonly behind: boolean;
  /** Sends the next block; returns its bytes, 0 when the socket is gone. */
  serve(): number;
}

export interface ChunkPumpOptions {
  readonly clock: Clock;
  /** 0: as fast as doors ask. */
  readonly bytesPerSecond: number;
}

const STEP_MS = 5;
/** Most blocks of a step where no rate is set: some 50 MiB a second. */
const MOST_BLOCKS = 64;
/** One block in so many goes to whoever has waited longest for one, the others to who began first. */
const ROUND_SHARE = 4;

export class ChunkPump {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #blocksPerStep: number;
  /** In the order in which they began. */
  readonly #takers = new Set<ChunkTaker>();
  /** In the order of their last block. */
  readonly #round = new Set<ChunkTaker>();
  #timer: Cancel | undefined;
  #stopped = false;
  /** Bytes that may be sent now; below zero after a block that was larger than what was left. */
  #allowance = 0;
  #at = 0;
  #served = 0;

  constructor({ clock, bytesPerSecond }: ChunkPumpOptions) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#blocksPerStep = bytesPerSecond === 0 ? MOST_BLOCKS : Number.POSITIVE_INFINITY;
  }

  /** `taker` waits for a block now. */
  want(taker: ChunkTaker): void {
    if (this.#stopped) return;
    this.#takers.add(taker);
    this.#round.add(taker);
    if (this.#timer !== undefined) return;
    this.#at = this.#clock.monotonic();
    this.#timer = this.#clock.every(STEP_MS, () => this.#step());
  }

  forget(taker: ChunkTaker): void {
    this.#takers.delete(taker);
    this.#round.delete(taker);
  }

  stop(): void {
    this.#stopped = true;
    this.#takers.clear();
    this.#round.clear();
    this.#rest();
  }

  #rest(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #step(): void {
    if (this.#takers.size === 0) return this.#rest();
    this.#refill();
    for (
      let blocks = 0;
      blocks < this.#blocksPerStep && (this.#bytesPerSecond === 0 || this.#allowance > 0);
      blocks += 1
    ) {
      const taker = this.#next();
      if (taker === undefined) return;
      this.#allowance -= taker.serve();
      this.#served += 1;
      this.#round.delete(taker);
      this.#round.add(taker);
    }
  }

  #next(): ChunkTaker | undefined {
    for (const taker of this.#served % ROUND_SHARE === 0 ? this.#round : this.#takers) {
      if (taker.hungry && !taker.behind) return taker;
    }
    return undefined;
  }

  /** What a late step could not send is not made up for at once: that would be the burst all this avoids. */
  #refill(): void {
    const now = this.#clock.monotonic();
    const most = (this.#bytesPerSecond * 2 * STEP_MS) / 1000;
    this.#allowance = Math.min(most, this.#allowance + ((now - this.#at) / 1000) * this.#bytesPerSecond);
    this.#at = now;
  }
}
