/** Does the command rate depend on how many doors are connected, more than TLS and sockets do by themselves? A relay that checks nothing beside ours, with as many doors, in turns. */
import { connectFleet, openLane, startOpenLock, startRaw, type Crew } from '../crew.js';
import type { Sizes } from '../sizes.js';
import { ratiosOf, spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';
import type { Say } from './comparison.js';
import { commandsFor, takeTurn, type TurnParts } from './turn.js';

export interface FleetResult {
  readonly doors: number;
  readonly perSecond: Spread;
  readonly rawPerSecond: Spread;
  /** Of the relay that checks nothing with as many doors, round by round. */
  readonly ofRaw: Spread;
  readonly relayCpuMicros: Spread;
  readonly rawCpuMicros: Spread;
}

type Kind = 'raw' | 'openlock';

interface RunningFleet {
  readonly name: string;
  readonly parts: TurnParts;
  readonly rates: number[];
  readonly relayCpu: number[];
  perSecond: number;
}

export async function measureFleets(crew: Crew, sizes: Sizes, say: Say): Promise<readonly FleetResult[]> {
  const results: FleetResult[] = [];
  for (const count of sizes.fleets) {
    results.push(await measureFleet(crew, sizes, count));
    say(`${count} doors: ${results.at(-1)?.ofRaw.median.toFixed(2)} of a relay that checks nothing`);
  }
  return results;
}

async function measureFleet(crew: Crew, sizes: Sizes, count: number): Promise<FleetResult> {
  const { stage } = crew;
  const mark = stage.mark;
  const raw = await startFleet(crew, sizes, 'raw', count);
  const ours = await startFleet(crew, sizes, 'openlock', count);
  const both = [raw, ours];
  for (const fleet of both) await playTurn(both, fleet, sizes, sizes.pilotCommands);
  for (const fleet of both) fleet.rates.length = fleet.relayCpu.length = 0;
  for (let round = 0; round < sizes.fleetRounds; round += 1) {
    for (const fleet of both) await playTurn(both, fleet, sizes, commandsFor(fleet.perSecond, sizes, sizes.inFlight));
  }
  await stage.release(mark);
  return {
    doors: count,
    perSecond: spreadOf(ours.rates),
    rawPerSecond: spreadOf(raw.rates),
    ofRaw: ratiosOf(ours.rates, raw.rates),
    relayCpuMicros: spreadOf(ours.relayCpu),
    rawCpuMicros: spreadOf(raw.relayCpu),
  };
}

async function startFleet(crew: Crew, sizes: Sizes, kind: Kind, count: number): Promise<RunningFleet> {
  const { stage, doors, load } = crew;
  const name = `fleet-${kind}-${count}`;
  const start = async (): Promise<TurnParts['relay']> => {
    if (kind === 'raw') return startRaw(stage);
    const redis = await stage.redis(`redis-${name}`, 'always');
    await furnish(redis.url, { prefix: name, first: 0, count }, stage.doorKey);
    return startOpenLock(stage, name, redis);
  };
  const relay = await start();
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
    fresh: kind === 'openlock',
  });
  return { name, parts: { relay, doors, load }, rates: [], relayCpu: [], perSecond: 0 };
}

async function playTurn(
  fleets: readonly RunningFleet[],
  fleet: RunningFleet,
  sizes: Sizes,
  commands: number,
): Promise<void> {
  const { doors, load } = fleet.parts;
  // Keep-alives of the fleet that is not measured would take time from the one that is.
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
