/** How long a relay's doors are gone when it is restarted, and how much of that is TLS itself. */
import { connectFleet, startChild, startOpenLock, type Crew } from '../crew.js';
import type { BareTls } from '../programs/bare-tls.js';
import type { Sizes } from '../sizes.js';
import { furnish } from '../store-setup.js';

export interface RestartResult {
  readonly doors: number;
  /** The same number of bare TLS handshakes, from the same process, as many at once. */
  readonly bareHandshakesMs: number;
  /** Orderly stop of the relay, with its doors connected. */
  readonly stopMs: number;
  /** From then until the new process listens. */
  readonly startMs: number;
  /** From then until the last door was welcomed. */
  readonly backMs: number;
}

export async function measureRestart(crew: Crew, sizes: Sizes): Promise<RestartResult> {
  const {
    stage,
    doors: [doors],
  } = crew;
  const mark = stage.mark;
  const count = sizes.restartDoors;
  const bareHandshakesMs = await bareHandshakes(crew, sizes);
  const redis = await stage.redis('redis-restart', 'always');
  await furnish(redis.url, { prefix: 'restart', first: 0, count }, stage.doorKey);
  const relay = await startOpenLock(stage, 'restart', redis);
  await connectFleet(stage, doors, relay, {
    fleet: 'restart',
    prefix: 'restart',
    count,
    connecting: sizes.connecting,
    returns: true,
  });
  const stopping = Date.now();
  await relay.child.stop();
  const stopped = Date.now();
  await startOpenLock(stage, 'restart', redis, { port: relay.port });
  const listening = Date.now();
  const { atUnixMs } = await doors.call('complete', { fleet: 'restart' });
  await stage.release(mark);
  return {
    doors: count,
    bareHandshakesMs,
    stopMs: stopped - stopping,
    startMs: listening - stopped,
    backMs: atUnixMs - listening,
  };
}

async function bareHandshakes({ stage, doors: [doors] }: Crew, sizes: Sizes): Promise<number> {
  const bare = startChild<BareTls>(stage, 'bare-tls');
  const { cert, key, ca } = stage.certificate;
  const { port } = await bare.call('start', { cert, key });
  const { elapsedMs } = await doors.call('handshakes', {
    port,
    ca,
    count: sizes.restartDoors,
    connecting: sizes.connecting,
  });
  await bare.stop();
  return elapsedMs;
}
