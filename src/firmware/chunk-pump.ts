/**
 * Sends image blocks to many doors without holding up commands: round robin, a few blocks a turn of the event loop, and no
 * more bytes a second than allowed. A door that does not read what it was sent is passed over until it has.
 */
import type { Clock } from '../ambient.js';

/** Somebody waiting for blocks. */
export interface ChunkTaker {
  /** True while it waits for a block. */
  readonly hungry: boolean;
  /** True while blocks sent before are unread. */
  readonly behind: boolean;
  /** Sends the next block; returns its bytes, 0 when the socket is gone. */
  serve(): number;
}

export interface ChunkPumpOptions {
  readonly clock: Clock;
  /** 0: as fast as doors ask. */
  readonly bytesPerSecond: number;
}

/** Blocks a turn: about half a millisecond of encryption and system calls. */
const BLOCKS_PER_TURN = 8;
/** How much unused allowance may be saved up. */
const BURST_MS = 100;
const BEHIND_RETRY_MS = 20;

export class ChunkPump {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** In the order of their turns; a taker that was served goes to the end. */
  readonly #waiting = new Set<ChunkTaker>();
  #scheduled = false;
  #stopped = false;
  #allowance = 0;
  #at: number;

  constructor({ clock, bytesPerSecond }: ChunkPumpOptions) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#at = clock.monotonic();
  }

  /** `taker` waits for a block now. */
  want(taker: ChunkTaker): void {
    this.#waiting.add(taker);
    this.#schedule(0);
  }

  forget(taker: ChunkTaker): void {
    this.#waiting.delete(taker);
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    const turn = (): void => {
      this.#scheduled = false;
      this.#turn();
    };
    if (delayMs > 0) setTimeout(turn, delayMs);
    else setImmediate(turn);
  }

  #turn(): void {
    this.#refill();
    let blocks = 0;
    let anyReady = false;
    for (const taker of this.#waiting) {
      if (blocks >= BLOCKS_PER_TURN || (this.#bytesPerSecond > 0 && this.#allowance <= 0)) {
        anyReady = true;
        break;
      }
      if (taker.hungry && taker.behind) continue;
      this.#waiting.delete(taker);
      if (!taker.hungry) continue;
      this.#allowance -= taker.serve();
      blocks += 1;
      if (taker.hungry) this.#waiting.add(taker);
    }
    if (this.#waiting.size === 0) return;
    // With the allowance used up, the time until it is positive again; with everybody behind, a moment for them to read.
    const overdrawnMs = this.#bytesPerSecond > 0 && this.#allowance <= 0 ? Math.ceil((-this.#allowance * 1000) / this.#bytesPerSecond) + 1 : 0;
    this.#schedule(Math.max(overdrawnMs, anyReady || blocks > 0 ? 0 : BEHIND_RETRY_MS));
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const most = (this.#bytesPerSecond * BURST_MS) / 1000;
    this.#allowance = Math.min(most, this.#allowance + ((now - this.#at) / 1000) * this.#bytesPerSecond);
    this.#at = now;
  }
}
