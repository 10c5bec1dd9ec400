import type { RandomSource, TimeSource } from './ambient.js';
import { Challenges } from './challenges.js';
import { DoorClock, type SntpSource } from './door-clock.js';
import { ReplayGuard } from './replay-guard.js';

/** What one power-up brings and the next does not have. */
export interface Boot {
  /** Random, told in every hello (protocol 5.1). */
  readonly id: string;
  /** Monotonic ms. */
  readonly startedAt: number;
  readonly clock: DoorClock;
  readonly replay: ReplayGuard;
  readonly challenges: Challenges;
  /** Number of the last event (protocol 5.4). */
  seq: number;
}

export interface BootSettings {
  readonly replayCapacity: number;
  readonly sntp: SntpSource;
}

/** What is left of the ring after a power cut (protocol 6.6): the mark keeps older envelopes out, the ids tell a retry. */
export interface Remembered {
  readonly mark: number;
  readonly recent?: readonly string[];
}

export function powerUp(
  time: TimeSource,
  random: RandomSource,
  { mark, recent = [] }: Remembered,
  settings: BootSettings,
  becameUnsure: () => void,
): Boot {
  const clock = new DoorClock(time, mark, settings.sntp, becameUnsure);
  return {
    id: random.bytes(12).toString('base64url'),
    startedAt: time.monotonic(),
    clock,
    replay: new ReplayGuard(clock, time, mark, recent, settings.replayCapacity),
    challenges: new Challenges(time, random),
    seq: 0,
  };
}
