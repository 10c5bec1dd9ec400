/** What a command costs at the store, through the relay that holds the door's socket and through another one. */
import { connectFleet, openLane, startOpenLock, type Crew } from '../crew.js';
import type { Child } from '../processes/child.js';
import type { Load } from '../programs/load.js';
import type { BenchRedis } from '../redis/bench-redis.js';
import type { Sizes } from '../sizes.js';
import { furnish } from '../store-setup.js';

/** Per command. */
export interface StoreCost {
  readonly through: 'owner' | 'another relay';
  readonly load: 'one by one' | 'saturated';
  readonly functionCalls: number;
  /** All commands Redis ran, those inside functions included. */
  readonly commands: number;
  readonly appendOnlyBytes: number;
  /** fsync calls; `undefined` where they could not be counted. */
  readonly fsyncs: number | undefined;
  /** Write system calls of redis-server: replies, messages and the append-only file. */
  readonly writes: number | undefined;
  readonly p50Ms: number;
}

const NO_LIMIT_MS = 60_000;

export async function measureStoreCost(crew: Crew, sizes: Sizes): Promise<readonly StoreCost[]> {
  const { stage, load } = crew;
  const mark = stage.mark;
  const redis = await stage.redis('redis-cost', 'always');
  await furnish(redis.url, { prefix: 'cost', first: 0, count: sizes.doors }, stage.doorKey);
  const [owner, other] = await Promise.all([
    startOpenLock(stage, 'cost-owner', redis),
    startOpenLock(stage, 'cost-other', redis),
  ]);
  await connectFleet(stage, crew.doors[0], owner, {
    fleet: 'cost',
    prefix: 'cost',
    count: sizes.doors,
    connecting: sizes.connecting,
  });
  const costs: StoreCost[] = [];
  for (const [through, relay] of [
    ['owner', owner],
    ['another relay', other],
  ] as const) {
    await openLane(crew, relay, {
      lane: through,
      wire: 'ws',
      prefix: 'cost',
      doors: sizes.doors,
      connections: sizes.sockets,
      fresh: true,
    });
    await count(load, redis, through, 'one by one', 1, Math.min(50, sizes.counted.oneByOne));
    costs.push(await count(load, redis, through, 'one by one', 1, sizes.counted.oneByOne));
    costs.push(await count(load, redis, through, 'saturated', sizes.inFlight, sizes.counted.saturated));
  }
  await stage.release(mark);
  return costs;
}

async function count(
  load: Child<Load>,
  redis: BenchRedis,
  through: StoreCost['through'],
  way: StoreCost['load'],
  senders: number,
  commands: number,
): Promise<StoreCost> {
  await load.call('prepare', { lane: through, count: commands });
  const before = await redis.counts();
  const result = await load.call('closedLoop', {
    lane: through,
    load: { senders, warmUpMs: 0, measureMs: NO_LIMIT_MS },
  });
  const after = await redis.counts();
  if (result.failed > 0)
    throw new Error(`store cost: ${result.failed} commands failed (${result.problems.join(', ')})`);
  const each = (member: 'functionCalls' | 'commands' | 'appendOnlyBytes'): number =>
    (after[member] - before[member]) / result.completed;
  const eachIfKnown = (member: 'fsyncs' | 'writes'): number | undefined => {
    const [now, then] = [after[member], before[member]];
    return now === undefined || then === undefined ? undefined : (now - then) / result.completed;
  };
  return {
    through,
    load: way,
    functionCalls: each('functionCalls'),
    commands: each('commands'),
    appendOnlyBytes: each('appendOnlyBytes'),
    fsyncs: eachIfKnown('fsyncs'),
    writes: eachIfKnown('writes'),
    p50Ms: result.p50Ms,
  };
}
