/** Processes with a role. Doors and load serve the whole run; relays are started for a part of it and stopped with it. */
import { Child, type ChildOptions } from './processes/child.js';
import type { Methods } from './processes/worker.js';
import type { Doors } from './programs/doors.js';
import type { Load, WireKind } from './programs/load.js';
import type { OpenLockRelay } from './programs/openlock-relay.js';
import type { RawRelay } from './programs/raw-relay.js';
import type { BenchRedis } from './redis/bench-redis.js';
import { SITE, type Stage } from './stage.js';

/** Who is there from the first part to the last. */
export interface Crew {
  readonly stage: Stage;
  /** Two: a process may have only so many files open, and none but its relay has all sockets of the largest fleet. */
  readonly doors: readonly [Child<Doors>, Child<Doors>];
  readonly load: Child<Load>;
}

export function hireCrew(stage: Stage): Crew {
  return {
    stage,
    doors: [startChild<Doors>(stage, 'doors'), startChild<Doors>(stage, 'doors')],
    load: startChild<Load>(stage, 'load'),
  };
}

/** A relay that listens; what it is made of does not matter to who measures it. */
export interface RunningRelay {
  readonly port: number;
  readonly redis: BenchRedis | undefined;
  /** Processor time of all its processes so far, microseconds. */
  cpuMicros(): Promise<number>;
}

/** One that is a process of the benchmark's own. */
export interface RelayProcess extends RunningRelay {
  readonly child: Child<Methods>;
}

export function relayIn(child: Child<Methods>, port: number, redis?: BenchRedis): RelayProcess {
  return { child, port, redis, cpuMicros: async () => (await child.call('usage', {})).cpuMicros };
}

export function startChild<M extends Methods>(stage: Stage, program: string, options: ChildOptions = {}): Child<M> {
  const child = new Child<M>(program, options);
  stage.onRelease(() => child.stop());
  return child;
}

/** One of ours on `redis`, which must be furnished before doors come. */
export async function startOpenLock(
  stage: Stage,
  name: string,
  redis: BenchRedis,
  options: ChildOptions & { readonly port?: number; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<RelayProcess> {
  const child = startChild<OpenLockRelay>(stage, 'openlock-relay', { ...options, profileDir: stage.profileDir });
  const { port } = await child.call('start', {
    environment: { ...stage.relayEnvironment(name, redis.url, options.port), ...options.environment },
    compiled: stage.compiled,
  });
  return relayIn(child, port, redis);
}

/** Lane a's relay: two hops, nothing checked. */
export async function startRaw(stage: Stage, options: ChildOptions = {}): Promise<RelayProcess> {
  const child = startChild<RawRelay>(stage, 'raw-relay', options);
  const { cert, key } = stage.certificate;
  return relayIn(child, (await child.call('start', { cert, key })).port);
}

export interface FleetPlan {
  readonly fleet: string;
  readonly prefix: string;
  readonly count: number;
  readonly first?: number;
  readonly kind?: 'ws' | 'socket.io';
  readonly connecting: number;
  readonly returns?: boolean;
  readonly ownAddresses?: boolean;
}

/** Connects a fleet's doors to a relay; returns how long that took, in milliseconds. They leave before the relay does. */
export async function connectFleet(
  stage: Stage,
  doors: Child<Doors>,
  relay: Pick<RunningRelay, 'port'>,
  plan: FleetPlan,
): Promise<number> {
  stage.onRelease(() => doors.call('close', { fleet: plan.fleet }));
  const { elapsedMs } = await doors.call('connect', {
    fleet: plan.fleet,
    doors: { prefix: plan.prefix, first: plan.first ?? 0, count: plan.count },
    kind: plan.kind ?? 'ws',
    connecting: plan.connecting,
    returns: plan.returns ?? false,
    ownAddresses: plan.ownAddresses ?? false,
    port: relay.port,
    ca: stage.certificate.ca,
    receipt: stage.receipt,
  });
  return elapsedMs;
}

export interface LanePlan {
  readonly lane: string;
  readonly wire: WireKind;
  readonly prefix: string;
  readonly doors: number;
  readonly connections: number;
  /** An envelope of its own for every command. */
  readonly fresh: boolean;
}

/** Connects the load to a relay; returns the cipher. It leaves before the relay does. */
export async function openLane(
  { stage, load }: Crew,
  relay: Pick<RunningRelay, 'port'>,
  plan: LanePlan,
): Promise<string> {
  stage.onRelease(() => load.call('close', { lane: plan.lane }));
  const { cipher } = await load.call('open', {
    lane: plan.lane,
    kind: plan.wire,
    port: relay.port,
    ca: stage.certificate.ca,
    connections: plan.connections,
    token: stage.tokenOf(SITE),
    doors: { prefix: plan.prefix, count: plan.doors },
    kid: stage.doorKey.kid,
    publicKey: stage.doorKey.publicKey,
    fresh: plan.fresh,
  });
  return cipher;
}
