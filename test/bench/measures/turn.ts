/** One turn of one lane: load, and what every process spent on it. */
import type { RunningRelay } from '../crew.js';
import type { ClosedLoop, LoadResult } from '../load/closed-loop.js';
import type { Child } from '../processes/child.js';
import type { Doors } from '../programs/doors.js';
import type { Load } from '../programs/load.js';
import type { RedisCounts } from '../redis/bench-redis.js';

/** Microseconds of processor time per command. */
export interface CpuPerCommand {
  readonly relay: number;
  readonly redis: number;
  readonly doors: number;
  readonly load: number;
}

export interface Turn extends LoadResult {
  readonly cpu: CpuPerCommand;
  readonly fsyncsPerCommand: number | undefined;
}

export interface TurnParts {
  readonly relay: RunningRelay;
  readonly doors: readonly Child<Doors>[];
  readonly load: Child<Load>;
}

interface Spent {
  readonly relay: number;
  readonly doors: number;
  readonly load: number;
  readonly redis: RedisCounts | undefined;
}

async function spent({ relay, doors, load }: TurnParts): Promise<Spent> {
  const doorUsages = await Promise.all(doors.map((child) => child.call('usage', {})));
  const [relayMicros, loadUsage] = await Promise.all([relay.cpuMicros(), load.call('usage', {})]);
  return {
    relay: relayMicros,
    load: loadUsage.cpuMicros,
    doors: doorUsages.reduce((sum, usage) => sum + usage.cpuMicros, 0),
    redis: await relay.redis?.counts(),
  };
}

/** The commands must have been made ready. */
export async function takeTurn(parts: TurnParts, lane: string, load: ClosedLoop): Promise<Turn> {
  const before = await spent(parts);
  const result = await parts.load.call('closedLoop', { lane, load });
  const after = await spent(parts);
  const each = (micros: number): number => micros / Math.max(1, result.completed);
  const fsyncs = after.redis?.fsyncs === undefined ? undefined : after.redis.fsyncs - (before.redis?.fsyncs ?? 0);
  return {
    ...result,
    cpu: {
      relay: each(after.relay - before.relay),
      redis: each((after.redis?.cpuMicros ?? 0) - (before.redis?.cpuMicros ?? 0)),
      doors: each(after.doors - before.doors),
      load: each(after.load - before.load),
    },
    fsyncsPerCommand: fsyncs === undefined ? undefined : each(fsyncs),
  };
}

/** How many commands to make ready for a turn, from the best rate seen: too few would cut it short, and each costs time to make. */
export function commandsFor(
  perSecond: number,
  { warmUpMs, measureMs }: { readonly warmUpMs: number; readonly measureMs: number },
  spare: number,
): number {
  return Math.ceil((perSecond * (warmUpMs + measureMs) * 1.5) / 1000) + spare;
}
