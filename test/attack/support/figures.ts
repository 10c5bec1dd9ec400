/** What became of each attack. The task `test-attack` collects the lines of ATTACK_FIGURES into its table. */
import { appendFileSync } from 'node:fs';

import type { Latencies } from './honest.js';

export interface Figure {
  readonly attack: string;
  readonly tried: number;
  /** Counted as refused, or cut off, the way the protocol says; absent where the attacker cannot see it. */
  readonly refused?: number;
  /** What the honest site waited for a command before, and while it ran. */
  readonly quiet?: Latencies | undefined;
  readonly during?: Latencies | undefined;
  readonly note?: string;
}

export function report(figure: Figure): void {
  const path = process.env['ATTACK_FIGURES'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(figure)}\n`);
}

/** Counts by name, as `401 unauthenticated 12, 403 ip_blocked 3`. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }

  toString(): string {
    return [...this.#counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  }
}
