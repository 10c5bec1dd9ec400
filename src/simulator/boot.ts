import type { RandomSource, TimeSource } from './ambient.js';
import { DoorClock } from './door-clock.js';
import { ReplayGuard } from './replay-guard.js';

/** What one power-up brings and the next does not have. */
export interface Boot {
  /** Random, told in every hello (protocol 5.1). */
  readonly id: string;
  /** Monotonic ms. */
  readonly startedAt: number;
  readonly clock: DoorClock;
  readonly replay: ReplayGuard;
  /** Number of the last event (protocol 5.4). */
  seq: number;
}

export interface BootSettings {
  readonly replayCapacity: number;
  /** Whether the host's clock stands in for SNTP. */
  readonly sntp: boolean;
}

/** Powers up with an empty ring; `mark` is what keeps older envelopes out (protocol 6.6). */
export function powerUp(time: TimeSource, random: RandomSource, mark: number, settings: BootSettings): Boot {
  const clock = new DoorClock(time, mark);
  if (settings.sntp) clock.sntp(time.now());
  const replay = new ReplayGuard(clock, mark, settings.replayCapacity);
  return { id: random.bytes(12).toString('base64url'), startedAt: time.monotonic(), clock, replay, seq: 0 };
}
