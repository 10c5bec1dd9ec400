/** Time and randomness: handed in everywhere, so that tests decide them (house rule 3). */
import { randomBytes } from 'node:crypto';

/** Takes a timer back; harmless when it has run or was taken back before. */
export type Cancel = () => void;

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  /** Runs `work` once, `ms` milliseconds from now. */
  after(ms: number, work: () => void): Cancel;
  /** Runs `work` every `ms` milliseconds until cancelled. Housekeeping: it does not keep a process alive. */
  every(ms: number, work: () => void): Cancel;
}

export interface Random {
  bytes(length: number): Buffer;
}

/** The machine's own clock and randomness, for the composition root; nobody else picks them by themselves. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, work) => {
    const timer = setInterval(work, ms).unref();
    return () => clearInterval(timer);
  },
};
export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** Resolves `ms` milliseconds from now by `clock`, or as soon as `signal` is aborted. */
export const sleep = (clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done);
  });

const LOOK_MS = 20;

/** Waits until `done`, looked at every 20 ms, but no longer than `withinMs`. */
export async function eventually(
  clock: Pick<Clock, 'after' | 'monotonic'>,
  withinMs: number,
  done: () => boolean,
): Promise<void> {
  const until = clock.monotonic() + withinMs;
  while (!done() && clock.monotonic() < until) await sleep(clock, LOOK_MS);
}
