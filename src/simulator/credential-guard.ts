import { createHash, timingSafeEqual } from 'node:crypto';

import type { TimeSource } from './ambient.js';

const BAD_BEFORE_LOCK_OUT = 5;
const FIRST_LOCK_OUT_MS = 60_000;
const LONGEST_LOCK_OUT_MS = 3_600_000;

/** What is kept across a restart, so that a power cycle does not hand out five fresh guesses. */
export interface GuardMemory {
  readonly bad: number;
  /** Lock-outs on end so far; each doubles the next. */
  readonly lockOuts: number;
  readonly locked: boolean;
}

export type CredentialVerdict = 'good' | 'bad' | 'bad_now_locked' | 'locked_out';

/**
 * The door password and its guessing limit (protocol 6.6): compared in constant time; five bad ones lock commands out
 * for 60 s, doubling to an hour. A good one starts the count again.
 */
export class CredentialGuard {
  readonly #time: TimeSource;
  #bad: number;
  #lockOuts: number;
  #lockedUntil: number | undefined;

  /** A lock-out that was running when the door went down starts over in full. */
  constructor(time: TimeSource, memory: GuardMemory) {
    this.#time = time;
    this.#bad = memory.bad;
    this.#lockOuts = memory.lockOuts;
    if (memory.locked) this.#lockedUntil = time.monotonic() + this.#lockOutMs();
  }

  get lockedOut(): boolean {
    return this.#lockedUntil !== undefined && this.#time.monotonic() < this.#lockedUntil;
  }

  /** While locked out the answer says nothing of the password. */
  check(given: string, expected: string): CredentialVerdict {
    const good = equalInConstantTime(given, expected);
    if (this.lockedOut) return 'locked_out';
    this.#lockedUntil = undefined;
    if (good) {
      this.#bad = 0;
      this.#lockOuts = 0;
      return 'good';
    }
    this.#bad += 1;
    if (this.#bad < BAD_BEFORE_LOCK_OUT) return 'bad';
    this.#bad = 0;
    this.#lockOuts += 1;
    this.#lockedUntil = this.#time.monotonic() + this.#lockOutMs();
    return 'bad_now_locked';
  }

  memory(): GuardMemory {
    return { bad: this.#bad, lockOuts: this.#lockOuts, locked: this.lockedOut };
  }

  #lockOutMs(): number {
    return Math.min(LONGEST_LOCK_OUT_MS, FIRST_LOCK_OUT_MS * 2 ** Math.max(0, this.#lockOuts - 1));
  }
}

/** Digests have one length, so neither content nor length of the password shows in the time taken. */
function equalInConstantTime(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(a), digest(b));
}
