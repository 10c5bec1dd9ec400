/** Does the command rate depend on how many doors are connected? Fleets of several sizes, each with a relay and a Redis of its own. */
import { connectFleet, openLane, startOpenLock, type Crew } from '../crew.js';
import type { Sizes } from '../sizes.js';
import { ratiosOf, spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';
import type { Say } from './comparison.js';
import { commandsFor, takeTurn, type TurnParts } from './turn.js';

export interface FleetResult {
  readonly doors: number;
  readonly perSecond: Spread;
  /** Against the smallest fleet, round by round. */
  readonly ratio: Spread;
  readonly relayCpuMicros: Spread;
}

interface RunningFleet {
  readonly name: string;
  readonly doors: number;
  readonly parts: TurnParts;
  readonly rates: number[];
  readonly relayCpu: number[];
  perSecond: number;
}

export async function measureFleets(crew: Crew, sizes: Sizes, say: Say): Promise<readonly FleetResult[]> {
  const { stage } = crew;
  const mark = stage.mark;
  const fleets = await Promise.all(sizes.fleets.map((count) => startFleet(crew, sizes, count)));
  say(`${sizes.fleets.join(', ')} doors connected`);
  for (const fleet of fleets) await playTurn(fleets, fleet, sizes, sizes.pilotCommands);
  for (const fleet of fleets) fleet.rates.length = fleet.relayCpu.length = 0;
  for (let round = 0; round < sizes.fleetRounds; round += 1) {
    for (const fleet of fleets)
      await playTurn(fleets, fleet, sizes, commandsFor(fleet.perSecond, sizes, sizes.inFlight));
  }
  await stage.release(mark);
  const smallest = fleets[0]?.rates ?? [];
  return fleets.map(({ doors: count, rates, relayCpu }) => ({
    doors: count,
    perSecond: spreadOf(rates),
    ratio: ratiosOf(rates, smallest),
    relayCpuMicros: spreadOf(relayCpu),
  }));
}

async function startFleet(crew: Crew, sizes: Sizes, count: number): Promise<RunningFleet> {
  const { stage, doors, load } = crew;
  const name = `fleet-${count}`;
  const redis = await stage.redis(`redis-${name}`, 'always');
  await furnish(redis.url, { prefix: name, first: 0, count }, stage.doorKey);
  const relay = await startOpenLock(stage, name, redis);
  const share = Math.ceil(count / doors.length);
  const plan = { fleet: name, prefix: name, connecting: sizes.connecting };
  await Promise.all(
    doors.map((child, index) =>
      connectFleet(stage, child, relay, {
        ...plan,
        first: index * share,
        count: Math.min(share, count - index * share),
      }),
    ),
  );
  await openLane(crew, relay, {
    lane: name,
    wire: 'ws',
    prefix: name,
    doors: count,
    connections: sizes.sockets,
    fresh: true,
  });
  return { name, doors: count, parts: { relay, doors, load }, rates: [], relayCpu: [], perSecond: 0 };
}

async function playTurn(
  fleets: readonly RunningFleet[],
  fleet: RunningFleet,
  sizes: Sizes,
  commands: number,
): Promise<void> {
  const { doors, load } = fleet.parts;
  // Keep-alives of the fleets that are not measured would take time from the one that is.
  for (const { name } of fleets)
    await Promise.all(doors.map((child) => child.call('setQuiet', { fleet: name, quiet: name !== fleet.name })));
  await load.call('prepare', { lane: fleet.name, count: commands });
  const turn = await takeTurn(fleet.parts, fleet.name, {
    senders: sizes.inFlight,
    warmUpMs: sizes.warmUpMs,
    measureMs: sizes.measureMs,
  });
  if (turn.failed > turn.completed / 200)
    throw new Error(`${fleet.name}: ${turn.failed} commands failed (${turn.problems.join(', ')})`);
  fleet.rates.push(turn.perSecond);
  fleet.relayCpu.push(turn.cpu.relay);
  fleet.perSecond = Math.max(turn.perSecond, fleet.perSecond);
}
