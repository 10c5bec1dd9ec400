/** As many commands in flight as there are senders, each sending its next when its last was answered: what saturates a lane. */
import { quantile } from '../stats.js';
import type { FrameQueues } from './frame-queues.js';
import type { Wire } from './wire.js';

export interface ClosedLoop {
  /** Commands in flight. */
  readonly senders: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Stops after this many answers, too. */
  readonly most?: number;
}

export interface LoadResult {
  /** Good answers a second within the measured time. */
  readonly perSecond: number;
  /** Good answers in all, the warm-up included: what CPU time is divided by. */
  readonly completed: number;
  readonly failed: number;
  /** The first few reasons. */
  readonly problems: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The commands made ready ran out before the time did; the rate counts until then. */
  readonly ranOut: boolean;
}

/** Commands that are not answered this long after the end are given up and count as failed. */
const PATIENCE_MS = 15_000;

export function runClosedLoop(wire: Wire, queues: FrameQueues, load: ClosedLoop): Promise<LoadResult> {
  return new Promise((resolve) => new ClosedLoopRun(wire, queues, load, resolve).start());
}

class ClosedLoopRun {
  readonly #wire: Wire;
  readonly #queues: FrameQueues;
  readonly #load: ClosedLoop;
  readonly #resolve: (result: LoadResult) => void;
  readonly #latencies: number[] = [];
  readonly #problems: string[] = [];
  #measureFrom = 0;
  #measureUntil = 0;
  #ranOutAt = Infinity;
  #busy = 0;
  #completed = 0;
  #failed = 0;
  #patience: NodeJS.Timeout | undefined;

  constructor(wire: Wire, queues: FrameQueues, load: ClosedLoop, resolve: (result: LoadResult) => void) {
    this.#wire = wire;
    this.#queues = queues;
    this.#load = load;
    this.#resolve = resolve;
  }

  start(): void {
    this.#measureFrom = performance.now() + this.#load.warmUpMs;
    this.#measureUntil = this.#measureFrom + this.#load.measureMs;
    this.#busy = this.#load.senders;
    this.#patience = setTimeout(() => this.#giveUp(), this.#load.warmUpMs + this.#load.measureMs + PATIENCE_MS);
    for (let sender = 0; sender < this.#load.senders; sender += 1) this.#next(sender);
  }

  #next(sender: number): void {
    const now = performance.now();
    const enough = this.#completed + this.#failed >= (this.#load.most ?? Infinity);
    const frame = now >= this.#measureUntil || enough ? undefined : this.#queues.take(sender, this.#load.senders);
    if (frame === undefined) {
      if (now < this.#measureUntil) this.#ranOutAt = Math.min(this.#ranOutAt, now);
      this.#busy -= 1;
      if (this.#busy === 0) this.#end();
      return;
    }
    this.#wire.send(frame, (problem) => {
      this.#answered(problem, now);
      this.#next(sender);
    });
  }

  #giveUp(): void {
    this.#failed += this.#busy;
    this.#problems.push(`${this.#busy} not answered`);
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#patience);
    this.#resolve(this.#result());
  }

  #answered(problem: string | undefined, sentAt: number): void {
    if (problem !== undefined) {
      this.#failed += 1;
      if (this.#problems.length < 5) this.#problems.push(problem);
      return;
    }
    this.#completed += 1;
    const now = performance.now();
    if (now >= this.#measureFrom && now < Math.min(this.#measureUntil, this.#ranOutAt))
      this.#latencies.push(now - sentAt);
  }

  #result(): LoadResult {
    const seconds = (Math.min(this.#measureUntil, this.#ranOutAt) - this.#measureFrom) / 1000;
    return {
      perSecond: this.#latencies.length / seconds,
      completed: this.#completed,
      failed: this.#failed,
      problems: this.#problems,
      p50Ms: quantile(this.#latencies, 0.5),
      p99Ms: quantile(this.#latencies, 0.99),
      ranOut: this.#ranOutAt < this.#measureUntil,
    };
  }
}
