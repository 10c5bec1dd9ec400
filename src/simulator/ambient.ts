/** Time and chance as the simulated door sees them: handed in, so that a test decides both (house rule 3). */
import { randomBytes } from 'node:crypto';

/** Takes back what was asked for; calling it twice, or too late, does nothing. */
export type Cancel = () => void;

export interface TimeSource {
  /** Unix milliseconds of the host: what SNTP would tell the door. */
  now(): number;
  /** Milliseconds that only ever grow. */
  monotonic(): number;
  /** Calls back once, after `ms` milliseconds. */
  after(ms: number, callback: () => void): Cancel;
}

export interface RandomSource {
  bytes(length: number): Buffer;
  /** Uniform in [0, 1): jitter. */
  fraction(): number;
}

export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: RandomSource = {
  bytes: (length) => randomBytes(length),
  fraction: () => Math.random(),
};
