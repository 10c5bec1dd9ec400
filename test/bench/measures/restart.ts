/** How long a relay's doors are gone when it is restarted, and how much of that is TLS itself. */
import { connectFleet, startChild, startOpenLock, type Crew, type RelayProcess } from '../crew.js';
import type { ReturnPlan } from '../load/door-fleet.js';
import type { BareTls } from '../programs/bare-tls.js';
import type { BenchRedis } from '../redis/bench-redis.js';
import type { Sizes } from '../sizes.js';
import { furnish } from '../store-setup.js';
import type { Say } from './comparison.js';

/** One restart, and one way for doors to come back from it. */
export interface Return {
  readonly how: string;
  /** Orderly stop of the relay, with its doors connected. */
  readonly stopMs: number;
  /** From then until the new process listens. */
  readonly startMs: number;
  /** From then until 99 of 100 doors were welcomed, and until the last was. */
  readonly mostBackMs: number;
  readonly backMs: number;
  /** Doors whose TLS session was resumed. */
  readonly resumed: number;
  /** Processor time of the new relay a door, microseconds: handshake, upgrade, attach; its start is in it, too. */
  readonly relayCpuMicros: number;
}

export interface RestartResult {
  readonly doors: number;
  /** The same number of bare TLS handshakes, from the same processes, as many at once. */
  readonly bareHandshakesMs: number;
  readonly returns: readonly Return[];
}

const NAME = 'restart';
/** As by default (protocol 8.4): each door has an address of its own here. */
const LIMITS = { OPENLOCK_ADDRESS_HANDSHAKES: '100', OPENLOCK_ADDRESS_CONNECTIONS: '256' } as const;

export async function measureRestart(crew: Crew, sizes: Sizes, say: Say): Promise<RestartResult> {
  const { stage, doors } = crew;
  const mark = stage.mark;
  const count = sizes.restartDoors;
  const bareHandshakesMs = await bareHandshakes(crew, sizes);
  const redis = await stage.redis(`redis-${NAME}`, 'always');
  await furnish(redis.url, { prefix: NAME, first: 0, count }, stage.doorKey);
  let relay = await startOpenLock(stage, NAME, redis, { environment: LIMITS });
  const share = Math.ceil(count / doors.length);
  await Promise.all(
    doors.map((child, index) =>
      connectFleet(stage, child, relay, {
        fleet: NAME,
        prefix: NAME,
        first: index * share,
        count: Math.min(share, count - index * share),
        connecting: sizes.connecting >> 1,
        returns: true,
        ownAddresses: true,
      }),
    ),
  );
  const ways: readonly (readonly [string, ReturnPlan])[] = [
    ['at once, handshakes in full', { wait: 'at once', resumes: false }],
    ['at once, TLS sessions resumed', { wait: 'at once', resumes: true }],
    ['full jitter of 5.6, handshakes in full', { wait: 1000, resumes: false }],
    ['jitter after a long outage', { wait: sizes.restartCeilingMs, resumes: false }],
  ];
  const returns: Return[] = [];
  for (const [how, plan] of ways) {
    const { next, result } = await restart(crew, redis, relay, how, plan);
    relay = next;
    returns.push(result);
    say(`${how}: all back after ${(result.backMs / 1000).toFixed(1)} s`);
  }
  await stage.release(mark);
  return { doors: count, bareHandshakesMs, returns };
}

async function restart(
  { stage, doors }: Crew,
  redis: BenchRedis,
  relay: RelayProcess,
  how: string,
  plan: ReturnPlan,
): Promise<{ readonly next: RelayProcess; readonly result: Return }> {
  for (const child of doors) await child.call('setReturn', { fleet: NAME, how: plan });
  const stopping = Date.now();
  await relay.child.stop();
  const stopped = Date.now();
  const next = await startOpenLock(stage, NAME, redis, { port: relay.port, environment: LIMITS });
  const listening = Date.now();
  const back = await Promise.all(doors.map((child) => child.call('complete', { fleet: NAME })));
  const micros = await next.cpuMicros();
  const resumed = back.reduce((sum, one) => sum + one.resumed, 0);
  const statistics = await Promise.all(doors.map((child) => child.call('size', { fleet: NAME })));
  const count = statistics.reduce((sum, size) => sum + size, 0);
  const result = {
    how,
    stopMs: stopped - stopping,
    startMs: listening - stopped,
    mostBackMs: Math.max(...back.map(({ mostAtUnixMs }) => mostAtUnixMs)) - listening,
    backMs: Math.max(...back.map(({ atUnixMs }) => atUnixMs)) - listening,
    resumed,
    relayCpuMicros: micros / Math.max(1, count),
  };
  return { next, result };
}

async function bareHandshakes({ stage, doors }: Crew, sizes: Sizes): Promise<number> {
  const bare = startChild<BareTls>(stage, 'bare-tls');
  const { cert, key, ca } = stage.certificate;
  const { port } = await bare.call('start', { cert, key });
  const count = Math.ceil(sizes.restartDoors / doors.length);
  const took = await Promise.all(
    doors.map((child) => child.call('handshakes', { port, ca, count, connecting: sizes.connecting >> 1 })),
  );
  await bare.stop();
  return Math.max(...took.map(({ elapsedMs }) => elapsedMs));
}
