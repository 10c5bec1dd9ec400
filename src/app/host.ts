/**
 * The composition root of a host with several relay processes: the parent that supervises them, which is put together here,
 * and the link by which each of them, a relay by `app.ts`, knows its parent.
 */
import { systemClock, systemRandom } from '../clock.js';
import type { Config } from '../config.js';
import { HostLink } from '../host/host-link.js';
import { HostMetrics } from '../host/host-metrics.js';
import { parentPort, relayProcesses } from '../host/processes.js';
import { Supervisor } from '../host/supervisor.js';
import { createLog, standardError } from '../log.js';
import { Metrics } from '../metrics.js';
import type { Release } from './ambient.js';
import type { App, RelayUrls } from './app.js';
import { startMetrics } from './metrics.js';

export type { HostLink, HostMember } from '../host/host-link.js';

export interface Host extends App {
  /** Rejects with `ProcessError` when no process is left that serves, and none can be started. */
  readonly hopeless: Promise<never>;
}

export interface HostOptions {
  /** Relay processes. */
  readonly count: number;
  /** The program's own file, which each of them runs. */
  readonly entry: string;
  /** All are to stop, also while they start. */
  readonly stopSignal: AbortSignal;
  /** All are reached elsewhere now. */
  readonly onMoved: (urls: Pick<RelayUrls, 'port' | 'publicOrigins'>) => void;
}

/** A host whose `start` and `stop` are those of all its processes; both throw `ProcessError` with what one of them said. */
export function createHost(config: Config, options: HostOptions): Host {
  const clock = systemClock;
  const random = systemRandom;
  const name = config.nodeId ?? `relay-${random.bytes(4).toString('hex')}`;
  const log = createLog(config.logLevel, name, standardError(true));
  const own = new Metrics();
  const ask = (): Promise<void> => supervisor.askMetrics();
  const metrics = new HostMetrics(own.registry, ['openlock_process_restarts_total'], ask);
  const supervisor: Supervisor = new Supervisor({
    ...options,
    ...{ name, clock, log, metrics },
    start: relayProcesses(options.entry),
    hashKey: random.bytes(8).toString('base64url'),
    onRestart: () => own.processRestarts.inc(),
  });
  const releases: Release[] = [];
  const stop = async (): Promise<void> => {
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) await release();
  };
  return {
    hopeless: supervisor.hopeless,
    stop,
    start: async () => {
      if (options.stopSignal.aborted) supervisor.halt();
      options.stopSignal.addEventListener('abort', () => supervisor.halt());
      const { port, publicOrigins, caPath } = await supervisor.start();
      releases.push(() => supervisor.stop());
      try {
        const address = await startMetrics(
          { config, clock, random, log, onRelease: (release) => releases.push(release) },
          metrics,
        );
        return { port, publicOrigins, caPath, ...address };
      } catch (error) {
        await stop();
        throw error;
      }
    },
  };
}

/** The link of this process to its parent, if it is one of several relays of a host. */
export function hostLink(): HostLink | undefined {
  const port = parentPort();
  return port === undefined ? undefined : new HostLink(port, systemClock);
}
