/** More than a relay can do, offered at a fixed rate whatever it answers: what overload is measured with. */
import { quantile } from '../stats.js';
import type { FrameQueues } from './frame-queues.js';
import type { OpenLoop } from './open-loop.js';
import type { Frame, Wire } from './wire.js';

export interface OfferedResult {
  /** Sent a second; below what was asked for, the load itself could not keep up. */
  readonly offeredPerSecond: number;
  /** Good answers a second. */
  readonly goodPerSecond: number;
  readonly completed: number;
  /** Refused with `rate_limited`. */
  readonly refused: number;
  /** Of these, those that were not told when to come again. */
  readonly refusedUntold: number;
  /** Everything else that is no good answer, by code. */
  readonly otherwise: Readonly<Record<string, number>>;
  /** Not answered until long after the end. */
  readonly unanswered: number;
  /** Of the good answers. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Past the deadline of every command (protocol 11.1). */
const PATIENCE_MS = 12_000;
const LOOK_MS = 10;

export async function runOffered(wire: Wire, queues: FrameQueues, load: OpenLoop): Promise<OfferedResult> {
  const run = new OfferedRun(wire);
  const total = Math.floor((load.perSecond * load.measureMs) / 1000);
  const started = performance.now();
  while (run.sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * load.perSecond) / 1000));
    while (run.sent < due) {
      // One sender for all groups, so that commands go round all doors.
      const frame = queues.take(0, 1);
      if (frame === undefined) throw new Error('too few commands were made ready');
      run.send(frame);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const offeredMs = performance.now() - started;
  const until = performance.now() + PATIENCE_MS;
  while (run.underWay > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  // Answers that come after the last command was sent belong to what was offered: the time until then counts.
  return run.result(offeredMs, Math.max(offeredMs, run.lastAnswerAt - started));
}

class OfferedRun {
  readonly #wire: Wire;
  readonly #latencies: number[] = [];
  readonly #otherwise: Record<string, number> = {};
  #refused = 0;
  #refusedUntold = 0;
  #answered = 0;
  sent = 0;
  lastAnswerAt = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  get underWay(): number {
    return this.sent - this.#answered;
  }

  send(frame: Frame): void {
    const sentAt = performance.now();
    this.sent += 1;
    this.#wire.send(frame, (problem, retryAfterMs) => {
      this.#answered += 1;
      this.lastAnswerAt = performance.now();
      if (problem === undefined) this.#latencies.push(this.lastAnswerAt - sentAt);
      else if (problem !== 'rate_limited') this.#otherwise[problem] = (this.#otherwise[problem] ?? 0) + 1;
      else {
        this.#refused += 1;
        if (retryAfterMs === undefined) this.#refusedUntold += 1;
      }
    });
  }

  result(offeredMs: number, answeredMs: number): OfferedResult {
    return {
      offeredPerSecond: (this.sent * 1000) / offeredMs,
      goodPerSecond: (this.#latencies.length * 1000) / answeredMs,
      completed: this.#latencies.length,
      refused: this.#refused,
      refusedUntold: this.#refusedUntold,
      otherwise: this.#otherwise,
      unanswered: this.underWay,
      p50Ms: quantile(this.#latencies, 0.5),
      p99Ms: quantile(this.#latencies, 0.99),
    };
  }
}
