/**
 * Looks at the store when told to: one look at a time, and one more after it when told meanwhile. Not one after the other without a pause:
 * while hundreds of doors are updated something changes all the time, and a look is a long piece of work that commands wait for.
 */
import type { Cancel, Clock } from '../clock.js';

/** From the beginning of one look to that of the next, at least. */
const GAP_MS = 250;

export class Looks {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly #look: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #cancelWait: Cancel | undefined;
  #again = false;
  #stopped = false;
  /** Monotonic milliseconds. */
  #begunAt = -Infinity;

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>, look: () => Promise<void>, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#look = look;
    this.#onError = onError;
  }

  soon(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#next();
  }

  /** No look begins from now on; resolves when the last one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWait?.();
    await this.#running;
  }

  #next(): void {
    if (this.#stopped || !this.#again || this.#running !== undefined || this.#cancelWait !== undefined) return;
    const waitMs = this.#begunAt + GAP_MS - this.#clock.monotonic();
    if (waitMs <= 0) return this.#begin();
    this.#cancelWait = this.#clock.after(waitMs, () => {
      this.#cancelWait = undefined;
      this.#next();
    });
  }

  #begin(): void {
    this.#again = false;
    this.#begunAt = this.#clock.monotonic();
    this.#running = this.#look()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined;
        this.#next();
      });
  }
}
