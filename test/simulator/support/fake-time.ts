import type { Cancel, TimeSource } from '../../../src/simulator/ambient.js';

/** Time that passes when the test says so; wall and monotonic clock move together. */
export class FakeTime implements TimeSource {
  #elapsedMs = 0;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];

  constructor(readonly startedAt = 1_800_000_000_000) {}

  now(): number {
    return this.startedAt + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(ms: number, callback: () => void): Cancel {
    const timer = { at: this.#elapsedMs + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Milliseconds until each waiting timer, soonest first. */
  get waiting(): readonly number[] {
    return this.#timers.map(({ at }) => at - this.#elapsedMs).sort((a, b) => a - b);
  }

  /** Lets time pass; due timers fire in order, each at its own moment. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.at);
      next.callback();
    }
    this.#elapsedMs = end;
  }
}
