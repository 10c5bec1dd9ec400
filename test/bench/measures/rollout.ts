/** What a rollout costs those who open doors meanwhile: commands before and during one, the relay's memory, and the bytes sent. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { systemClock } from '../../../src/clock.js';
import { ROLLOUT_LIMITS } from '../../../src/operators/rollouts.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { type RolloutRecord } from '../../../src/store/rollout-records.js';
import { RolloutStore } from '../../../src/store/rollout-store.js';
import { freePorts } from '../../support/redis.js';
import { makeRelease, makeReleaseKey } from '../../support/releases.js';
import { UpdateOperator } from '../../support/updates.js';
import { connectFleet, openLane, startChild, startOpenLock, type Crew, type RelayProcess } from '../crew.js';
import type { LoadResult } from '../load/closed-loop.js';
import type { Child } from '../processes/child.js';
import type { UpdatableDoors } from '../programs/updatable-doors.js';
import type { BenchRedis } from '../redis/bench-redis.js';
import type { Sizes } from '../sizes.js';
import { spreadOf, type Spread } from '../stats.js';
import { furnish } from '../store-setup.js';
import type { Say } from './comparison.js';
import { MemoryWatch, type MemoryPeak } from './memory-watch.js';
import { commandsFor } from './turn.js';

/** Commands of some slices. Latencies in milliseconds, slice by slice. */
export interface CommandLatency {
  readonly slices: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Slice by slice, in order: shows whether the beginning, the downloads or the restarts cost most. */
  readonly p99EachMs: readonly number[];
  readonly completed: number;
  /** To doors that were just restarting. */
  readonly failed: number;
}

/** Commands to one kind of doors. */
export interface CommandsTo {
  readonly before: CommandLatency;
  readonly during: CommandLatency;
  /** Of these, the slices in which doors restarted and registered, many of them at once. */
  readonly restarting: CommandLatency;
  /** Medians, during to before. */
  readonly p50Ratio: number;
  readonly p99Ratio: number;
}

/** Processors in use: 1 is one of them all the time. */
export interface Processors {
  readonly relay: number;
  readonly updatedDoors: number;
}

export interface RolloutResult {
  readonly doors: number;
  readonly imageBytes: number;
  /** To each kind of doors. */
  readonly commandsPerSecond: number;
  /** To doors of another board, in a process of their own: what a rollout costs those it is not for. */
  readonly others: CommandsTo;
  /** To the doors that download. They share one thread, which decrypts and hashes for all of them; a real door has its own. */
  readonly updated: CommandsTo;
  readonly processorsBefore: Processors;
  readonly processorsDuring: Processors;
  /** From the start of the rollout until the last door was confirmed. */
  readonly seconds: number;
  readonly memory: MemoryPeak;
  /** Image bytes the relay sent, against doors times image. */
  readonly bytesSent: number;
  readonly bytesIdeal: number;
  /** Blocks doors had not asked for. */
  readonly strays: number;
}

type Lane = 'others' | 'updated';

interface Slice {
  readonly others: LoadResult;
  readonly updated: LoadResult;
  readonly processors: Processors;
  /** Doors had begun to restart when it ended. */
  readonly restarting: boolean;
}

/** What a slice of load needs. */
interface Set {
  readonly crew: Crew;
  readonly sizes: Sizes;
  readonly relay: RelayProcess;
  readonly fleet: Child<UpdatableDoors>;
}

/** Of the doors that are updated; the others are of the board `furnish` gives them. */
const BOARD = 'bench-updated';
const NAME = 'rollout';
const PREFIXES: Readonly<Record<Lane, string>> = { others: 'bystander', updated: NAME };
/** What a command to a door that is restarting may end with. */
const RESTARTING = new Set(['door_offline', 'door_timeout']);
const LIMIT_MS = 600_000;

export async function measureRollout(crew: Crew, sizes: Sizes, say: Say): Promise<RolloutResult> {
  const { stage } = crew;
  const mark = stage.mark;
  const { doors: count, imageBytes } = sizes.rollout;
  const key = makeReleaseKey();
  const release = makeRelease({
    key,
    version: '2.0.0',
    board: BOARD,
    securityVersion: 1,
    image: randomBytes(imageBytes),
  });
  const redis = await stage.redis('redis-rollout', 'always');
  const set = await setUp(crew, sizes, redis, key.pem);
  const link = await RedisLink.open({
    clock: systemClock,
    url: redis.url,
    clientName: 'bench',
    commandTimeoutMs: 10_000,
  });
  stage.onRelease(() => link.close());
  const operator = new UpdateOperator(link);
  await operator.releases.trust(key.pem);
  await operator.publish(release);
  await playSlice(set); // warms up
  const before: Slice[] = [];
  while (before.length < sizes.rollout.slicesBefore) before.push(await playSlice(set));
  say(`${count} doors now download ${imageBytes} bytes each`);
  await set.relay.child.call('collectGarbage', {});
  const memory = await MemoryWatch.start(set.relay.child);
  const { during, end } = await duringRollout(set, operator, new RolloutStore(link), release.sha256);
  const peak = await memory.stop();
  const updates = (await set.fleet.call('statistics', {}))?.updates;
  await stage.release(mark);
  if (end.state !== 'completed')
    throw new Error(`the rollout is ${end.state}: ${end.reason ?? `not done within ${LIMIT_MS / 1000} s`}`);
  return {
    doors: count,
    imageBytes,
    commandsPerSecond: sizes.rollout.commandsPerSecond,
    others: compare('others', before, during),
    updated: compare('updated', before, during),
    processorsBefore: processorsOf(before),
    processorsDuring: processorsOf(during),
    seconds: (end.lastEndAt - end.startedAt) / 1000,
    memory: peak,
    bytesSent: end.bytes,
    bytesIdeal: count * imageBytes,
    strays: updates?.strays ?? 0,
  };
}

/** A relay with doors that will be updated and doors that will not, and a lane of load to each kind. */
async function setUp(crew: Crew, sizes: Sizes, redis: BenchRedis, releaseKey: string): Promise<Set> {
  const {
    stage,
    doors: [doors],
  } = crew;
  const counts: Readonly<Record<Lane, number>> = { others: sizes.doors, updated: sizes.rollout.doors };
  const [port] = await freePorts(1);
  for (const lane of ['others', 'updated'] as const)
    await furnish(redis.url, { prefix: PREFIXES[lane], first: 0, count: counts[lane] }, stage.doorKey);
  const relay = await startOpenLock(stage, NAME, redis, { exposeGc: true, ...(port !== undefined && { port }) });
  await connectFleet(stage, doors, relay, {
    fleet: PREFIXES.others,
    prefix: PREFIXES.others,
    count: counts.others,
    connecting: sizes.connecting,
  });
  const fleet = startChild<UpdatableDoors>(stage, 'updatable-doors');
  stage.onRelease(() => fleet.call('close', {}));
  await fleet.call('connect', {
    port: relay.port,
    ca: stage.certificate.ca,
    doors: { prefix: PREFIXES.updated, first: 0, count: counts.updated },
    privateKey: stage.doorKey.privateKey,
    releaseKey,
    board: BOARD,
    connecting: sizes.connecting,
  });
  for (const lane of ['others', 'updated'] as const) {
    await openLane(crew, relay, {
      lane,
      wire: 'ws',
      prefix: PREFIXES[lane],
      doors: counts[lane],
      connections: sizes.sockets,
      fresh: true,
    });
  }
  return { crew, sizes, relay, fleet };
}

/** Slices of load until the rollout has ended; only those that began while it went on count. */
async function duringRollout(
  set: Set,
  operator: UpdateOperator,
  store: RolloutStore,
  sha256: string,
): Promise<{ readonly during: readonly Slice[]; readonly end: RolloutRecord }> {
  const { rolloutId } = await operator.start({ sha256 }, { parallel: ROLLOUT_LIMITS.defaultParallel });
  const during: Slice[] = [];
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const record = await store.record(rolloutId);
    if (record === undefined) throw new Error('the rollout is gone');
    if (record.state !== 'running' || performance.now() > deadline) return { during, end: record };
    if (record.started > 0 && record.inFlight === 0) await sleep(50);
    else during.push(await playSlice(set));
  }
}

/** Load to both kinds of doors at the same time. */
async function playSlice(set: Set): Promise<Slice> {
  const { commandsPerSecond: perSecond, sliceMs: measureMs } = set.sizes.rollout;
  const { load } = set.crew;
  const play = async (lane: Lane): Promise<LoadResult> =>
    load.call('openLoop', { lane, load: { perSecond, measureMs } });
  for (const lane of ['others', 'updated'] as const)
    await load.call('prepare', { lane, count: commandsFor(perSecond, { warmUpMs: 0, measureMs }, set.sizes.inFlight) });
  const [begun, before] = [performance.now(), await usedBy(set)];
  const [others, updated] = await Promise.all([play('others'), play('updated')]);
  const [micros, after] = [(performance.now() - begun) * 1000, await usedBy(set)];
  const unexpected = others.problems[0] ?? updated.problems.find((problem) => !RESTARTING.has(problem));
  if (unexpected !== undefined) throw new Error(`a command failed with ${unexpected}`);
  const seen = (await set.fleet.call('statistics', {}))?.updates;
  const processors = {
    relay: (after.relay - before.relay) / micros,
    updatedDoors: (after.updatedDoors - before.updatedDoors) / micros,
  };
  return { others, updated, processors, restarting: (seen?.rebooting ?? 0) > 0 };
}

/** Microseconds of processor time so far. */
async function usedBy({ relay, fleet }: Set): Promise<Processors> {
  const [ofRelay, ofDoors] = await Promise.all([relay.child.call('usage', {}), fleet.call('usage', {})]);
  return { relay: ofRelay.cpuMicros, updatedDoors: ofDoors.cpuMicros };
}

function compare(lane: Lane, before: readonly Slice[], during: readonly Slice[]): CommandsTo {
  const of = (slices: readonly Slice[]): CommandLatency => latencyOf(slices.map((slice) => slice[lane]));
  const [early, late] = [of(before), of(during)];
  return {
    before: early,
    during: late,
    restarting: of(during.filter(({ restarting }) => restarting)),
    p50Ratio: late.p50Ms.median / early.p50Ms.median,
    p99Ratio: late.p99Ms.median / early.p99Ms.median,
  };
}

function latencyOf(slices: readonly LoadResult[]): CommandLatency {
  const sum = (member: 'completed' | 'failed'): number => slices.reduce((total, slice) => total + slice[member], 0);
  return {
    slices: slices.length,
    p50Ms: spreadOf(slices.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(slices.map(({ p99Ms }) => p99Ms)),
    p99EachMs: slices.map(({ p99Ms }) => p99Ms),
    completed: sum('completed'),
    failed: sum('failed'),
  };
}

function processorsOf(slices: readonly Slice[]): Processors {
  const median = (member: keyof Processors): number =>
    spreadOf(slices.map(({ processors }) => processors[member])).median;
  return { relay: median('relay'), updatedDoors: median('updatedDoors') };
}
