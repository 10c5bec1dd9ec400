/** A fixed rate, whatever the answers do: what latency is measured under. */
import { quantile } from '../stats.js';
import type { LoadResult } from './closed-loop.js';
import type { FrameQueues } from './frame-queues.js';
import type { Frame, Wire } from './wire.js';

export interface OpenLoop {
  readonly perSecond: number;
  readonly measureMs: number;
}

/** Commands in flight at most; past that the lane cannot keep up, and sending waits. */
const SENDERS = 200;

export async function runOpenLoop(wire: Wire, queues: FrameQueues, load: OpenLoop): Promise<LoadResult> {
  const latencies: number[] = [];
  const problems: string[] = [];
  const running = new Set<Promise<void>>();
  const total = Math.floor((load.perSecond * load.measureMs) / 1000);
  const started = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) * load.perSecond) / 1000));
    while (sent < due && running.size < SENDERS) {
      const frame = queues.take(sent % SENDERS, SENDERS);
      if (frame === undefined) throw new Error('too few commands were made ready');
      sent += 1;
      const answered = sendOne(wire, frame, latencies, problems).finally(() => running.delete(answered));
      running.add(answered);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(running);
  return {
    perSecond: (latencies.length * 1000) / (performance.now() - started),
    completed: latencies.length,
    failed: problems.length,
    problems: problems.slice(0, 5),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    ranOut: false,
  };
}

function sendOne(wire: Wire, frame: Frame, latencies: number[], problems: string[]): Promise<void> {
  const sentAt = performance.now();
  return new Promise((resolve) => {
    wire.send(frame, (problem) => {
      if (problem === undefined) latencies.push(performance.now() - sentAt);
      else problems.push(problem);
      resolve();
    });
  });
}
