import type { EventKind } from '../protocol/door-state.js';
import type { Cancel, TimeSource } from './ambient.js';
import type { LockModel } from './lock-model.js';
import type { DoorSettings } from './settings.js';

/** Offline for longer than the owner allowed: keep, lock or open, as the owner chose (protocol 6.3 `failSafe`). */
export class FailSafe {
  readonly #time: TimeSource;
  readonly #lock: LockModel;
  readonly #event: (kind: EventKind) => void;
  #timer: Cancel | undefined;
  #active = false;

  constructor(time: TimeSource, lock: LockModel, event: (kind: EventKind) => void) {
    this.#time = time;
    this.#lock = lock;
    this.#event = event;
  }

  get active(): boolean {
    return this.#active;
  }

  offline(settings: DoorSettings): void {
    this.#timer?.();
    if (this.#active || settings.failSafeAfterMs === 0) return;
    this.#timer = this.#time.after(settings.failSafeAfterMs, () => {
      this.#active = true;
      this.#event('fail_safe_entered');
      if (settings.failSafe === 'lock') this.#lock.engage();
      if (settings.failSafe === 'unlock') this.#lock.unlock(0);
    });
  }

  online(): void {
    this.stop();
    if (!this.#active) return;
    this.#active = false;
    this.#event('fail_safe_left');
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
  }
}
