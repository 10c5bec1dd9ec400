import { sleep, type Clock } from '../clock.js';
import { OpenLockError } from '../protocol/problem.js';

export interface PersistOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** Milliseconds until the next try, after so many failed ones; `undefined` gives up. */
  readonly waitMs: (failures: number) => number | undefined;
  /** Aborted: give up, at once also while waiting. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/**
 * Repeats work that may be done twice while the store is away, for what must not be lost with one failure. Never throws;
 * `undefined` when it was given up, or failed in a way that no trying mends.
 */
export async function persist<T>(work: () => Promise<T>, options: PersistOptions): Promise<T | undefined> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      options.onError(error);
      const waitMs = error instanceof OpenLockError ? options.waitMs(failures) : undefined;
      if (waitMs === undefined || options.signal.aborted) return undefined;
      await sleep(options.clock, waitMs, options.signal);
      if (options.signal.aborted) return undefined;
    }
  }
}
