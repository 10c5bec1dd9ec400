/** The lanes side by side, in interleaved rounds: whatever disturbs the machine disturbs neighbours alike. */
import {
  connectFleet,
  openLane,
  relayIn,
  startChild,
  startOpenLock,
  startRaw,
  type Crew,
  type RunningRelay,
} from '../crew.js';
import { LANES, type LaneDefinition, type LaneId, type RelayKind } from '../lanes.js';
import type { LoadResult } from '../load/closed-loop.js';
import type { ExpressRelay } from '../programs/express-relay.js';
import type { SocketIoRelay } from '../programs/socket-io-relay.js';
import type { Sizes } from '../sizes.js';
import type { Stage } from '../stage.js';
import { furnish } from '../store-setup.js';
import { commandsFor, takeTurn, type Turn, type TurnParts } from './turn.js';

export interface LaneRound {
  readonly saturated: Turn;
  readonly moderate: LoadResult;
}

export interface LaneResult {
  readonly lane: LaneDefinition;
  readonly cipher: string;
  readonly envelopeChars: number;
  readonly rounds: readonly LaneRound[];
}

interface RunningLane {
  readonly definition: LaneDefinition;
  readonly parts: TurnParts;
  readonly cipher: string;
  readonly rounds: LaneRound[];
  envelopeChars: number;
  /** Commands a second seen last. */
  perSecond: number;
}

export type Say = (line: string) => void;

export async function compareLanes(
  crew: Crew,
  sizes: Sizes,
  wanted: readonly LaneId[],
  say: Say,
): Promise<readonly LaneResult[]> {
  const { stage } = crew;
  const mark = stage.mark;
  const lanes = await startLanes(
    crew,
    sizes,
    LANES.filter(({ id }) => wanted.includes(id)),
  );
  say(
    `${lanes.length} lanes, ${sizes.rounds} rounds of ${((sizes.warmUpMs + sizes.measureMs + sizes.moderateMs) / 1000).toFixed(1)} s each, after one to warm up`,
  );
  for (const lane of lanes) await pilot(lane, sizes);
  for (let round = 1; round <= sizes.rounds; round += 1) {
    for (const lane of lanes) {
      const played = await playRound(lane, sizes);
      if (played.saturated.ranOut)
        say(`lane ${lane.definition.id} ran out of commands before its time was up; its rate counts until then`);
      lane.rounds.push(played);
    }
    say(
      `round ${round}: ${lanes.map((lane) => `${lane.definition.id} ${Math.round(lane.rounds.at(-1)?.saturated.perSecond ?? 0)}/s`).join(', ')}`,
    );
  }
  await stage.release(mark);
  return lanes.map(({ definition, cipher, envelopeChars, rounds }) => ({
    lane: definition,
    cipher,
    envelopeChars,
    rounds,
  }));
}

async function startLanes(
  crew: Crew,
  sizes: Sizes,
  definitions: readonly LaneDefinition[],
): Promise<readonly RunningLane[]> {
  const [doors] = crew.doors;
  const kinds = [...new Set(definitions.map(({ relay }) => relay))];
  const relays = new Map(
    await Promise.all(kinds.map(async (kind) => [kind, await startRelay(crew, kind, sizes)] as const)),
  );
  const lanes: RunningLane[] = [];
  for (const definition of definitions) {
    const relay = relays.get(definition.relay);
    if (relay === undefined) throw new Error(`no relay for lane ${definition.id}`);
    const plan = {
      lane: definition.id,
      wire: definition.wire,
      prefix: prefixOf(definition.relay),
      doors: sizes.doors,
      connections: definition.wire === 'http' ? sizes.inFlight : sizes.sockets,
      fresh: definition.checked,
    };
    const cipher = await openLane(crew, relay, plan);
    lanes.push({
      definition,
      parts: { relay, doors: [doors], load: crew.load },
      cipher,
      rounds: [],
      envelopeChars: 0,
      perSecond: 0,
    });
  }
  return lanes;
}

const prefixOf = (kind: RelayKind): string => `lane-${kind.replace(/\W/g, '')}`;

async function startRelay({ stage, doors }: Crew, kind: RelayKind, sizes: Sizes): Promise<RunningRelay> {
  const relay = await startRelayAlone(stage, kind, sizes);
  const fleetKind = kind === 'socket.io' ? 'socket.io' : 'ws';
  await connectFleet(stage, doors[0], relay, {
    fleet: kind,
    prefix: prefixOf(kind),
    count: sizes.doors,
    kind: fleetKind,
    connecting: sizes.connecting,
  });
  return kind === 'openlock-other' ? withAnother(stage, relay) : relay;
}

/** Clients are at another relay than the doors; what both spend counts. */
async function withAnother(stage: Stage, owner: RunningRelay): Promise<RunningRelay> {
  if (owner.redis === undefined) throw new Error('relays that know each other share a Redis');
  const other = await startOpenLock(stage, 'openlock-other-client', owner.redis);
  return { ...other, cpuMicros: async () => (await owner.cpuMicros()) + (await other.cpuMicros()) };
}

async function startRelayAlone(stage: Stage, kind: RelayKind, sizes: Sizes): Promise<RunningRelay> {
  const { cert, key } = stage.certificate;
  switch (kind) {
    case 'raw':
      return startRaw(stage);
    case 'express': {
      const child = startChild<ExpressRelay>(stage, 'express-relay');
      return relayIn(child, (await child.call('start', { cert, key })).port);
    }
    case 'socket.io': {
      const redis = await stage.redis('redis-socket-io', 'off');
      const child = startChild<SocketIoRelay>(stage, 'socket-io-relay');
      return relayIn(child, (await child.call('start', { cert, key, redis: redis.admin })).port, redis);
    }
    case 'openlock-always':
    case 'openlock-everysec':
    case 'openlock-other': {
      const redis = await stage.redis(`redis-${kind}`, kind === 'openlock-everysec' ? 'everysec' : 'always');
      await furnish(redis.url, { prefix: prefixOf(kind), first: 0, count: sizes.doors }, stage.doorKey);
      return startOpenLock(stage, kind, redis);
    }
  }
}

/** Warms the lane up and finds out how many commands it needs in a round. */
async function pilot(lane: RunningLane, sizes: Sizes): Promise<void> {
  const { load } = lane.parts;
  const { id } = lane.definition;
  lane.envelopeChars = (await load.call('prepare', { lane: id, count: sizes.pilotCommands })).bytes;
  const turn = await takeTurn(lane.parts, id, {
    senders: sizes.inFlight,
    warmUpMs: 0,
    measureMs: sizes.warmUpMs + sizes.measureMs,
  });
  refuseFailures(id, turn);
  lane.perSecond = turn.perSecond;
}

async function playRound(lane: RunningLane, sizes: Sizes): Promise<LaneRound> {
  const { load } = lane.parts;
  const { id } = lane.definition;
  await load.call('prepare', { lane: id, count: commandsFor(lane.perSecond, sizes, sizes.inFlight) });
  const saturated = await takeTurn(lane.parts, id, {
    senders: sizes.inFlight,
    warmUpMs: sizes.warmUpMs,
    measureMs: sizes.measureMs,
  });
  refuseFailures(id, saturated);
  lane.perSecond = Math.max(saturated.perSecond, lane.perSecond);
  const { moderatePerSecond: perSecond, moderateMs: measureMs } = sizes;
  await load.call('prepare', { lane: id, count: commandsFor(perSecond, { warmUpMs: 0, measureMs }, sizes.inFlight) });
  const moderate = await load.call('openLoop', { lane: id, load: { perSecond, measureMs } });
  refuseFailures(id, moderate);
  return { saturated, moderate };
}

/** A lane that answers errors quickly must not look fast. */
function refuseFailures(lane: string, { completed, failed, problems }: LoadResult): void {
  if (completed === 0 || failed > completed / 200)
    throw new Error(`lane ${lane}: ${failed} of ${completed + failed} commands failed (${problems.join(', ')})`);
}
