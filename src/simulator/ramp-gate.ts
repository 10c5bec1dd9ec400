import type { Cancel, TimeSource } from './ambient.js';
import type { Gate } from './session.js';

interface Waiting {
  readonly requests: number;
  readonly admit: (leave: () => void) => void;
}

/**
 * Lets a fleet reach its relay at a bearable pace: so many requests a second, and so many doors on their way at once.
 * First come, first served.
 */
export class RampGate implements Gate {
  readonly #time: TimeSource;
  readonly #perSecond: number;
  readonly #atOnce: number;
  readonly #queue: Waiting[] = [];
  #under = 0;
  #budget: number;
  #refilledAt: number;
  #timer: Cancel | undefined;
  #closed = false;

  /** @param requestsPerSecond `Infinity`: no limit. @param atOnce Doors between asking to connect and being live. */
  constructor(time: TimeSource, requestsPerSecond: number, atOnce: number) {
    this.#time = time;
    this.#perSecond = requestsPerSecond;
    this.#atOnce = atOnce;
    this.#budget = this.#fullBudget;
    this.#refilledAt = time.monotonic();
  }

  enter(requests: number): Promise<() => void> {
    return new Promise((resolve) => {
      this.#queue.push({ requests, admit: resolve });
      this.#pump();
    });
  }

  /** Lets everybody through: they have been told to stop. */
  close(): void {
    this.#closed = true;
    this.#timer?.();
    this.#pump();
  }

  /** A tenth of a second's worth, or one registration, so that the pace holds within the second too. */
  get #fullBudget(): number {
    return Math.max(3, this.#perSecond / 10);
  }

  #pump(): void {
    this.#refill();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined) return;
      if (!this.#closed) {
        if (this.#under >= this.#atOnce) return;
        if (this.#budget < next.requests) return this.#wakeLater(next.requests - this.#budget);
        this.#budget -= next.requests;
      }
      this.#queue.shift();
      this.#under += 1;
      next.admit(this.#leaveOnce());
    }
  }

  #leaveOnce(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#under -= 1;
      this.#pump();
    };
  }

  #refill(): void {
    const now = this.#time.monotonic();
    const elapsedMs = now - this.#refilledAt;
    this.#refilledAt = now;
    this.#budget =
      this.#perSecond === Infinity
        ? Infinity
        : Math.min(this.#fullBudget, this.#budget + (elapsedMs * this.#perSecond) / 1000);
  }

  #wakeLater(missing: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#time.after(Math.max(1, (missing * 1000) / this.#perSecond), () => {
      this.#timer = undefined;
      this.#pump();
    });
  }
}
