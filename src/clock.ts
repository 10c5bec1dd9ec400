/** Time and randomness: handed in everywhere, so that tests decide them (house rule 3). */
import { randomBytes, randomFillSync } from 'node:crypto';

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

/** The machine's own clock and (below) randomness, for the composition root; nobody else picks them by themselves. */
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

/** Ids, nonces and login codes have at most so many bytes; keys and tokens have more, and are made apart from it. */
const POOLED_BYTES_MAX = 16;
const POOL_BYTES = 4096;

/**
 * The system's randomness; short pieces are cut from a pool, because every request takes an id, and a call into the generator costs
 * two microseconds. They are as good as if each had been made for itself: the same generator fills the pool, each byte is given away
 * once, as a copy, and wiped where it was. No other process has the pool: Node starts processes anew and never forks itself.
 */
export function pooledRandom(fill: (pool: Buffer) => void = (pool) => void randomFillSync(pool)): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let taken = POOL_BYTES;
  return {
    bytes: (length) => {
      if (length > POOLED_BYTES_MAX) return randomBytes(length);
      if (taken + length > POOL_BYTES) {
        fill(pool);
        taken = 0;
      }
      const piece = pool.subarray(taken, taken + length);
      const bytes = Buffer.from(piece);
      piece.fill(0);
      taken += length;
      return bytes;
    },
  };
}

export const systemRandom: Random = pooledRandom();

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
