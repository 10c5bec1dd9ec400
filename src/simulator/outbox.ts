/** What waits to be sent to the relay. */
import type { DoorFrame, EventFrame, ResultFrame } from '../protocol/door-frames.js';
import { LIMITS } from '../protocol/limits.js';
import type { Cancel, TimeSource } from './ambient.js';

/** Results kept that could not be sent, and for how long (protocol 5.7). */
export const UNSENT_RESULTS = 8;
export const UNSENT_RESULT_MS = 600_000;
/** Events kept while offline; more push out the oldest, and the relay sees the gap in `seq`. */
const WAITING_EVENTS = 32;

export type Send = (frame: DoorFrame, lost?: () => void) => void;

/**
 * Results that could not be sent are kept, eight of them, for ten minutes, and go out after the next welcome (protocol
 * 5.7): the act has happened, and the relay has it as `indeterminate` until it hears. Events go out at 10 a second.
 */
export class Outbox {
  readonly #time: TimeSource;
  #send: Send | undefined;
  #results: { readonly frame: ResultFrame; readonly at: number }[] = [];
  #events: EventFrame[] = [];
  #eventsSent = 0;
  #window: Cancel | undefined;

  constructor(time: TimeSource) {
    this.#time = time;
  }

  /** The connection was welcomed. */
  attach(send: Send): void {
    this.#send = send;
    const oldest = this.#time.monotonic() - UNSENT_RESULT_MS;
    const results = this.#results.filter(({ at }) => at >= oldest);
    this.#results = [];
    for (const { frame } of results) this.result(frame);
    this.#pump();
  }

  detach(): void {
    this.#send = undefined;
  }

  result(frame: ResultFrame): void {
    if (this.#send === undefined) this.#keep(frame);
    else this.#send(frame, () => this.#keep(frame));
  }

  event(frame: EventFrame): void {
    this.#events.push(frame);
    if (this.#events.length > WAITING_EVENTS) this.#events.shift();
    this.#pump();
  }

  /** A boot: what was in memory is gone. */
  clear(): void {
    this.#results = [];
    this.#events = [];
    this.#window?.();
    this.#window = undefined;
    this.#eventsSent = 0;
  }

  #keep(frame: ResultFrame): void {
    this.#results.push({ frame, at: this.#time.monotonic() });
    if (this.#results.length > UNSENT_RESULTS) this.#results.shift();
  }

  #pump(): void {
    while (this.#send !== undefined && this.#events.length > 0 && this.#eventsSent < LIMITS.eventsPerSecond) {
      const frame = this.#events.shift();
      if (frame === undefined) return;
      this.#eventsSent += 1;
      this.#send(frame);
      this.#window ??= this.#time.after(1000, () => {
        this.#window = undefined;
        this.#eventsSent = 0;
        this.#pump();
      });
    }
  }
}
