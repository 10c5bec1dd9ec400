/** What a keep-alive and its answer (protocol 5.5) cost a relay, against one that only answers. */
import { setTimeout as sleep } from 'node:timers/promises';

import { connectFleet, startOpenLock, startRaw, type Crew, type RunningRelay } from '../crew.js';
import type { Sizes } from '../sizes.js';
import { spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';

export interface KeepAliveResult {
  readonly doors: number;
  /** Microseconds of processor time a pair, what the relay spends anyway taken off. */
  readonly openlockMicros: Spread;
  readonly rawMicros: Spread;
}

const NAME = 'keep-alives';
/** Each door sends its next this long after the last: below its budget of ten frames a second. */
const GAP_MS = 150;

export async function measureKeepAlives(crew: Crew, sizes: Sizes): Promise<KeepAliveResult> {
  const { stage } = crew;
  const mark = stage.mark;
  const count = sizes.keepAlives.doors;
  const redis = await stage.redis(`redis-${NAME}`, 'always');
  await furnish(redis.url, { prefix: NAME, first: 0, count }, stage.doorKey);
  const relays = { raw: await startRaw(stage), openlock: await startOpenLock(stage, NAME, redis) };
  const samples: Record<keyof typeof relays, number[]> = { raw: [], openlock: [] };
  for (const kind of ['raw', 'openlock'] as const)
    await connectFleet(stage, crew.doors[0], relays[kind], {
      fleet: `${NAME}-${kind}`,
      prefix: NAME,
      count,
      connecting: sizes.connecting,
    });
  for (let round = 0; round <= sizes.keepAlives.rounds; round += 1) {
    for (const kind of ['raw', 'openlock'] as const) {
      const micros = await pairMicros(crew, sizes, relays[kind], `${NAME}-${kind}`);
      if (round > 0) samples[kind].push(micros); // the first warms up
    }
  }
  await stage.release(mark);
  return { doors: count, openlockMicros: spreadOf(samples.openlock), rawMicros: spreadOf(samples.raw) };
}

async function pairMicros({ doors }: Crew, sizes: Sizes, relay: RunningRelay, fleet: string): Promise<number> {
  const { each, doors: count } = sizes.keepAlives;
  const spentOn = async (work: Promise<unknown>): Promise<number> => {
    const before = await relay.cpuMicros();
    await work;
    return (await relay.cpuMicros()) - before;
  };
  const spent = await spentOn(doors[0].call('keepAlives', { fleet, each, gapMs: GAP_MS }));
  const anyway = await spentOn(sleep(each * GAP_MS));
  return (spent - anyway) / (each * count);
}
