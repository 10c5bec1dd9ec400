import type { Cancel, Clock } from '../../src/clock.js';

interface Timer {
  at: number;
  readonly everyMs: number | undefined;
  readonly work: () => void;
}

/** Time that stands still until the test moves it; wall and monotonic clock move together. */
export class FakeClock implements Clock {
  readonly #startedAt: number;
  readonly #timers = new Set<Timer>();

  constructor(public time = 1_800_000_000_000) {
    this.#startedAt = time - 1_000_000;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time - this.#startedAt;
  }

  after(ms: number, work: () => void): Cancel {
    return this.#add({ at: this.time + ms, everyMs: undefined, work });
  }

  every(ms: number, work: () => void): Cancel {
    return this.#add({ at: this.time + ms, everyMs: ms, work });
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on; due timers run in order, each at its own moment, and what they start may settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.time = Math.max(this.time, next.at);
      if (next.everyMs === undefined) this.#timers.delete(next);
      else next.at += next.everyMs;
      next.work();
      await settle();
    }
    this.time = until;
    await settle();
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Lets promises that need no I/O run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
