/** What becomes of commands when more are offered than a relay can carry: goodput, latency of what succeeded, and refusals. */
import { connectFleet, openLane, startOpenLock, type Crew } from '../crew.js';
import type { OfferedResult } from '../load/offered-load.js';
import type { Sizes } from '../sizes.js';
import { furnish } from '../store-setup.js';
import type { Say } from './comparison.js';
import { commandsFor, takeTurn } from './turn.js';

export interface OverloadStep extends OfferedResult {
  /** Of the capacity. */
  readonly times: number;
  /** Microseconds of the relay's processor time a command offered. */
  readonly relayCpuMicros: number;
}

export interface OverloadResult {
  readonly doors: number;
  /** Commands a second with as many in flight as in the lanes; measured with the same relay, just before. */
  readonly capacityPerSecond: number;
  readonly steps: readonly OverloadStep[];
}

const NAME = 'overload';

export async function measureOverload(crew: Crew, sizes: Sizes, say: Say): Promise<OverloadResult> {
  const { stage, doors, load } = crew;
  const mark = stage.mark;
  const { doors: count, sockets, times, measureMs } = sizes.overload;
  const redis = await stage.redis(`redis-${NAME}`, 'always');
  await furnish(redis.url, { prefix: NAME, first: 0, count }, stage.doorKey);
  const relay = await startOpenLock(stage, NAME, redis);
  await connectFleet(stage, doors[0], relay, { fleet: NAME, prefix: NAME, count, connecting: sizes.connecting });
  await openLane(crew, relay, {
    lane: NAME,
    wire: 'ws',
    prefix: NAME,
    doors: count,
    connections: sockets,
    fresh: true,
  });
  const saturate = async (commands: number): Promise<number> => {
    await load.call('prepare', { lane: NAME, count: commands });
    const closed = { senders: sizes.inFlight, warmUpMs: sizes.warmUpMs, measureMs: sizes.measureMs };
    const turn = await takeTurn({ relay, doors: [doors[0]], load }, NAME, closed);
    if (turn.completed === 0) throw new Error(`no command succeeded (${turn.problems.join(', ')})`);
    return turn.perSecond;
  };
  const pilot = await saturate(sizes.pilotCommands);
  const capacityPerSecond = await saturate(commandsFor(pilot, sizes, sizes.inFlight));
  const steps: OverloadStep[] = [];
  for (const factor of times) {
    const perSecond = Math.ceil(capacityPerSecond * factor);
    await load.call('prepare', { lane: NAME, count: Math.ceil((perSecond * measureMs) / 1000) + 1 });
    const before = await relay.cpuMicros();
    const result = await load.call('offer', { lane: NAME, load: { perSecond, measureMs } });
    const spent = (await relay.cpuMicros()) - before;
    const offered = result.completed + result.refused + result.unanswered;
    steps.push({ times: factor, ...result, relayCpuMicros: spent / Math.max(1, offered) });
    say(`${factor} times ${Math.round(capacityPerSecond)} a second: ${Math.round(result.goodPerSecond)} answered`);
    // What this step left behind is no part of the next.
    await new Promise((resolve) => setTimeout(resolve, sizes.overload.restMs));
  }
  await stage.release(mark);
  return { doors: count, capacityPerSecond, steps };
}
