import type { EventData, EventKind } from '../protocol/door-state.js';
import type { Cancel, TimeSource } from './ambient.js';
import type { DoorMemory } from './memory.js';
import type { DoorSettings } from './settings.js';

/** A critical change that no relay has accepted by then is taken back (protocol 6.3; firmware: 3 minutes). */
const PROBATION_MS = 180_000;

interface ProbationHost {
  event(kind: EventKind, data: EventData): void;
  restart(): void;
  save(...change: Parameters<DoorMemory['update']>): void;
}

/** Settings that might cut the door off: kept by the first welcome, taken back without one (protocol 6.3). */
export class Probation {
  readonly #time: TimeSource;
  readonly #memory: DoorMemory;
  readonly #host: ProbationHost;
  #timer: Cancel | undefined;

  constructor(time: TimeSource, memory: DoorMemory, host: ProbationHost) {
    this.#time = time;
    this.#memory = memory;
    this.#host = host;
  }

  /** Puts changed settings in force; settings on probation already still go back to the last that were accepted. */
  async begin(settings: DoorSettings): Promise<void> {
    await this.#memory.update({ settings, previous: this.#memory.state.previous ?? this.#memory.state.settings });
  }

  /** Power on: from here on the time runs. */
  boot(): void {
    this.stop();
    if (this.#memory.state.previous !== undefined) this.#timer = this.#time.after(PROBATION_MS, () => this.#revert());
  }

  welcomed(): void {
    if (this.#memory.state.previous === undefined) return;
    this.stop();
    this.#host.save({}, ['previous']);
    this.#host.event('configured', { outcome: 'kept' });
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #revert(): void {
    const { previous } = this.#memory.state;
    if (previous === undefined) return;
    this.#host.save({ settings: previous }, ['previous']);
    this.#host.restart();
    this.#host.event('configured', { outcome: 'reverted' });
  }
}
