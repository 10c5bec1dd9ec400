import type { ClientClock, ClientRandom } from '../../../src/client/ambient.js';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Time that moves when told to. */
export class FakeClock implements ClientClock {
  #now: number;
  #timers = new Set<Timer>();

  constructor(now = 1_800_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, letting everything that was started settle before, between and after the timers. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settle();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets promises that need no I/O run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Random that is always the middle, or what is set. */
export class FakeRandom implements ClientRandom {
  next = 0.5;
  #count = 0;

  bytes(length: number): Uint8Array<ArrayBuffer> {
    this.#count += 1;
    return new Uint8Array(length).fill(this.#count % 256);
  }

  fraction(): number {
    return this.next;
  }
}
