import type { DoorState, EventKind } from '../protocol/door-state.js';
import type { Cancel, TimeSource } from './ambient.js';

export type FailSafe = 'keep' | 'lock' | 'unlock';

/** A leaf open for longer than this is reported as held open. Milliseconds. */
const HELD_OPEN_AFTER_MS = 30_000;

export interface LockListener {
  /** Something to report; the state has changed already. */
  event(kind: EventKind): void;
}

/**
 * The bolt and the contact sensor. An unlock with a hold relocks by itself, whether or not the door is connected then.
 * Locked from the first instant of a boot: a restart never reads as unlocked.
 */
export class LockModel {
  readonly #time: TimeSource;
  readonly #listener: LockListener;
  #lock: 'locked' | 'unlocked' = 'locked';
  #contact: 'open' | 'closed' | undefined;
  #relock: Cancel | undefined;
  #heldOpen: Cancel | undefined;

  constructor(time: TimeSource, listener: LockListener) {
    this.#time = time;
    this.#listener = listener;
  }

  get lock(): 'locked' | 'unlocked' {
    return this.#lock;
  }

  reading(): Pick<DoorState, 'lock' | 'contact'> {
    return { lock: this.#lock, ...(this.#contact !== undefined && { contact: this.#contact }) };
  }

  /** @param holdMs Relock after this many milliseconds; 0: stay unlocked (protocol 6.3). */
  unlock(holdMs: number): void {
    this.#relock?.();
    this.#relock = holdMs === 0 ? undefined : this.#time.after(holdMs, () => this.engage());
    this.#set('unlocked');
  }

  engage(): void {
    this.#relock?.();
    this.#relock = undefined;
    this.#set('locked');
  }

  /** The contact sensor moved. Open while locked: forced; open for long: held. */
  setContact(contact: 'open' | 'closed'): void {
    if (this.#contact === contact) return;
    this.#contact = contact;
    this.#heldOpen?.();
    this.#heldOpen = undefined;
    if (contact === 'closed') return;
    if (this.#lock === 'locked') this.#listener.event('forced_open');
    this.#heldOpen = this.#time.after(HELD_OPEN_AFTER_MS, () => this.#listener.event('held_open'));
  }

  /** Locks without a word and forgets every timer: power loss, and the first act of a boot. */
  reset(): void {
    this.#relock?.();
    this.#heldOpen?.();
    this.#relock = undefined;
    this.#heldOpen = undefined;
    this.#lock = 'locked';
  }

  #set(lock: 'locked' | 'unlocked'): void {
    if (this.#lock === lock) return;
    this.#lock = lock;
    this.#listener.event(lock);
  }
}
