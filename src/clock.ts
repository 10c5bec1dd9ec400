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

/** Resolves `ms` milliseconds from now by `clock`. */
export const sleep = (clock: Pick<Clock, 'after'>, ms: number): Promise<void> =>
  new Promise((resolve) => clock.after(ms, resolve));
