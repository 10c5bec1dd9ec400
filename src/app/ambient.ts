/** What every room is handed by the composition roots. */
import type { Logger } from 'pino';

import type { Clock, Random } from '../clock.js';
import type { Config } from '../config.js';
import type { Metrics } from '../metrics.js';

export type Release = () => Promise<void> | void;

export interface Ambient {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Registers what undoes a start; releases run last-in first-out. */
  readonly onRelease: (release: Release) => void;
}

/** What a relay has besides: the command line has no metrics, and no door is connected to it. */
export interface RelayAmbient extends Ambient {
  readonly metrics: Metrics;
  /** Unique per process, whatever the name: a restarted relay must not inherit the presence of the one before. */
  readonly relayId: string;
  /** Counts and logs work that failed and that nobody waits for. */
  readonly onError: (error: unknown, work: string) => void;
}
