/** Resident memory of a relay per connected TLS door, against a bare ws+TLS server with the same doors. */
import { connectFleet, startOpenLock, startRaw, type Crew, type RelayProcess } from '../crew.js';
import type { Sizes } from '../sizes.js';
import type { Stage } from '../stage.js';
import { furnish } from '../store-setup.js';
import { ratiosOf, spreadOf, type Spread } from '../stats.js';

type Kind = 'bare' | 'openlock';

interface Sample {
  /** Resident bytes a door. */
  readonly rss: number;
  /** The same from no door at all: holds what the process allocates once, too. */
  readonly rssFromNone: number;
  /** Of `rss` on the JavaScript heap. */
  readonly heap: number;
  /** Doors a second while they connected. */
  readonly connectedPerSecond: number;
}

export interface MemoryResult {
  readonly doors: readonly [few: number, many: number];
  readonly bareBytes: Spread;
  readonly openlockBytes: Spread;
  readonly bareHeapBytes: Spread;
  readonly openlockHeapBytes: Spread;
  readonly ratio: Spread;
  /** From no door at all instead of from the few. */
  readonly bareBytesFromNone: Spread;
  readonly openlockBytesFromNone: Spread;
  readonly ratioFromNone: Spread;
  readonly bareConnectsPerSecond: Spread;
  readonly openlockConnectsPerSecond: Spread;
}

export async function measureMemory(crew: Crew, sizes: Sizes): Promise<MemoryResult> {
  const samples: Record<Kind, Sample[]> = { bare: [], openlock: [] };
  for (let repeat = 0; repeat < sizes.memoryRepeats; repeat += 1) {
    for (const kind of ['bare', 'openlock'] as const)
      samples[kind].push(await sample(crew, sizes, kind, `memory-${kind}-${repeat}`));
  }
  const of = (kind: Kind, member: keyof Sample): number[] => samples[kind].map((one) => one[member]);
  return {
    doors: sizes.memoryDoors,
    bareBytes: spreadOf(of('bare', 'rss')),
    openlockBytes: spreadOf(of('openlock', 'rss')),
    bareHeapBytes: spreadOf(of('bare', 'heap')),
    openlockHeapBytes: spreadOf(of('openlock', 'heap')),
    ratio: ratiosOf(of('openlock', 'rss'), of('bare', 'rss')),
    bareBytesFromNone: spreadOf(of('bare', 'rssFromNone')),
    openlockBytesFromNone: spreadOf(of('openlock', 'rssFromNone')),
    ratioFromNone: ratiosOf(of('openlock', 'rssFromNone'), of('bare', 'rssFromNone')),
    bareConnectsPerSecond: spreadOf(of('bare', 'connectedPerSecond')),
    openlockConnectsPerSecond: spreadOf(of('openlock', 'connectedPerSecond')),
  };
}

/** The slope between two fleets: what the process needs anyway, and what handshakes leave behind once, falls out. */
async function sample({ stage, doors: [doors] }: Crew, sizes: Sizes, kind: Kind, name: string): Promise<Sample> {
  const mark = stage.mark;
  const [few, many] = sizes.memoryDoors;
  const relay = kind === 'bare' ? await startRaw(stage, { exposeGc: true }) : await startOurs(stage, name, many);
  const plan = { prefix: name, connecting: sizes.connecting };
  const empty = await settled(relay, sizes);
  await connectFleet(stage, doors, relay, { ...plan, fleet: `${name}-few`, count: few });
  const before = await settled(relay, sizes);
  const elapsedMs = await connectFleet(stage, doors, relay, {
    ...plan,
    fleet: `${name}-many`,
    first: few,
    count: many - few,
  });
  const after = await settled(relay, sizes);
  await stage.release(mark);
  const added = many - few;
  return {
    rss: (after.rssBytes - before.rssBytes) / added,
    rssFromNone: (after.rssBytes - empty.rssBytes) / many,
    heap: (after.heapUsedBytes - before.heapUsedBytes) / added,
    connectedPerSecond: (added * 1000) / elapsedMs,
  };
}

async function startOurs(stage: Stage, name: string, count: number): Promise<RelayProcess> {
  const redis = await stage.redis(`redis-${name}`, 'always');
  await furnish(redis.url, { prefix: name, first: 0, count }, stage.doorKey);
  return startOpenLock(stage, name, redis, { exposeGc: true });
}

async function settled(
  relay: RelayProcess,
  { settleMs }: Sizes,
): Promise<{ readonly rssBytes: number; readonly heapUsedBytes: number }> {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  await relay.child.call('collectGarbage', {});
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  await relay.child.call('collectGarbage', {});
  return relay.child.call('usage', {});
}
