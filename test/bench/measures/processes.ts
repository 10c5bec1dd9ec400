/** One relay process against two on one port, as `openlock serve` starts them: what a command costs decides what more cores give. */
import { connectFleet, openLane, type Crew, type RunningRelay } from '../crew.js';
import { ServedRelay } from '../processes/served-relay.js';
import type { Sizes } from '../sizes.js';
import { ratiosOf, spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';
import { commandsFor, takeTurn, type TurnParts } from './turn.js';

export interface ProcessesResult {
  readonly doors: number;
  /** Commands a second here, where doors, load and Redis share the cores. */
  readonly onePerSecond: Spread;
  readonly twoPerSecond: Spread;
  readonly ratio: Spread;
  /** Microseconds of processor time a command, of all relay processes together, and of Redis. */
  readonly oneCpu: { readonly relay: number; readonly redis: number };
  readonly twoCpu: { readonly relay: number; readonly redis: number };
  /**
   * A projection, not a measurement: commands a second where every process has a core for itself (four: two relays, Redis, and the
   * rest elsewhere), from the processor time above. A relay carries 1,000,000 / (its microseconds), Redis the same of its own.
   */
  readonly projectedOne: number;
  readonly projectedTwo: number;
}

interface Served {
  readonly name: string;
  readonly processes: number;
  readonly parts: TurnParts;
  readonly rates: number[];
  readonly relayCpu: number[];
  readonly redisCpu: number[];
  perSecond: number;
}

export async function measureProcesses(crew: Crew, sizes: Sizes): Promise<ProcessesResult> {
  const { stage } = crew;
  const mark = stage.mark;
  const one = await startServed(crew, sizes, 1);
  const two = await startServed(crew, sizes, 2);
  for (const served of [one, two]) await playTurn(served, sizes, sizes.pilotCommands);
  for (const { rates, relayCpu, redisCpu } of [one, two]) rates.length = relayCpu.length = redisCpu.length = 0;
  for (let round = 0; round < sizes.processes.rounds; round += 1) {
    for (const served of [one, two])
      await playTurn(served, sizes, commandsFor(served.perSecond, sizes, sizes.inFlight));
  }
  await stage.release(mark);
  const cpuOf = ({ relayCpu, redisCpu }: Served): ProcessesResult['oneCpu'] => ({
    relay: spreadOf(relayCpu).median,
    redis: spreadOf(redisCpu).median,
  });
  const projected = (served: Served): number => {
    const { relay, redis } = cpuOf(served);
    return Math.min((served.processes * 1e6) / relay, 1e6 / redis);
  };
  return {
    doors: sizes.processes.doors,
    onePerSecond: spreadOf(one.rates),
    twoPerSecond: spreadOf(two.rates),
    ratio: ratiosOf(two.rates, one.rates),
    oneCpu: cpuOf(one),
    twoCpu: cpuOf(two),
    projectedOne: projected(one),
    projectedTwo: projected(two),
  };
}

async function startServed(crew: Crew, sizes: Sizes, processes: number): Promise<Served> {
  const { stage, doors, load } = crew;
  const name = `processes-${processes}`;
  const { doors: count, sockets } = sizes.processes;
  const redis = await stage.redis(`redis-${name}`, 'always');
  await furnish(redis.url, { prefix: name, first: 0, count }, stage.doorKey);
  const served = await ServedRelay.start(stage.relayEnvironment(name, redis.url), processes);
  stage.onRelease(() => served.stop());
  const relay: RunningRelay = { port: served.port, redis, cpuMicros: () => Promise.resolve(served.cpuMicros()) };
  await connectFleet(stage, doors[0], relay, { fleet: name, prefix: name, count, connecting: sizes.connecting });
  // Enough sockets that each process gets its share of them.
  await openLane(crew, relay, {
    lane: name,
    wire: 'ws',
    prefix: name,
    doors: count,
    connections: sockets,
    fresh: true,
  });
  return {
    name,
    processes,
    parts: { relay, doors: [doors[0]], load },
    rates: [],
    relayCpu: [],
    redisCpu: [],
    perSecond: 0,
  };
}

async function playTurn(served: Served, sizes: Sizes, commands: number): Promise<void> {
  const { parts, name } = served;
  await parts.load.call('prepare', { lane: name, count: commands });
  const turn = await takeTurn(parts, name, {
    senders: sizes.inFlight,
    warmUpMs: sizes.warmUpMs,
    measureMs: sizes.measureMs,
  });
  if (turn.failed > turn.completed / 200)
    throw new Error(`${name}: ${turn.failed} commands failed (${turn.problems.join(', ')})`);
  served.rates.push(turn.perSecond);
  served.relayCpu.push(turn.cpu.relay);
  served.redisCpu.push(turn.cpu.redis);
  served.perSecond = Math.max(turn.perSecond, served.perSecond);
}
