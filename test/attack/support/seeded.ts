/** Random choices that can be made again: ATTACK_SEED repeats a run, and every failure names its seed. */

/** The run's seed: chosen afresh each time, unless ATTACK_SEED says which. */
export function chooseSeed(): number {
  const text = process.env['ATTACK_SEED'];
  return text === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(text);
}

/** Mulberry32: small, good enough to choose mutations by, and the same everywhere. */
export class Seeded {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  }

  /** To be said with every failure. */
  toString(): string {
    return `ATTACK_SEED=${this.seed}`;
  }
}
