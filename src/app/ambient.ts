/** What every room is handed by the composition roots. */
import type { Logger } from 'pino';

import type { Clock, Random } from '../clock.js';
import type { Config } from '../config.js';

export type Release = () => Promise<void> | void;

export interface Ambient {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Registers what undoes a start; releases run last-in first-out. */
  readonly onRelease: (release: Release) => void;
}
