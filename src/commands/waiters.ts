import type { Cancel, Clock } from '../clock.js';
import type { CommandState } from '../protocol/client-frames.js';

/** How a command ended, as told to the one who waits for it. */
export interface Ending {
  readonly state: CommandState;
  readonly status?: 200 | 400 | undefined;
  readonly receipt?: string | undefined;
}

/** One sender that waits; `promise` resolves to `undefined` when the time is up. */
export interface Waiter {
  readonly promise: Promise<Ending | undefined>;
  /** Gives up after `timeoutMs` from now. */
  expireIn(timeoutMs: number): void;
  close(): void;
}

/** Senders on this relay that wait for the end of a command; more than one may wait for the same id. */
export class Waiters {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #byId = new Map<string, Set<(ending: Ending | undefined) => void>>();

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Opened before admission: the answer may come before the admission's reply is read. */
  open(commandId: string): Waiter {
    let resolve!: (ending: Ending | undefined) => void;
    let cancel: Cancel | undefined;
    const promise = new Promise<Ending | undefined>((done) => {
      resolve = done;
    });
    const waiting = this.#byId.get(commandId) ?? new Set();
    this.#byId.set(commandId, waiting);
    waiting.add(resolve);
    const close = (): void => {
      cancel?.();
      waiting.delete(resolve);
      if (waiting.size === 0 && this.#byId.get(commandId) === waiting) this.#byId.delete(commandId);
      resolve(undefined);
    };
    return {
      promise,
      close,
      expireIn: (timeoutMs) => {
        cancel = this.#clock.after(timeoutMs, close);
      },
    };
  }

  /** Tells everybody who waits for this command. */
  settle(commandId: string, ending: Ending): void {
    for (const resolve of this.#byId.get(commandId) ?? []) resolve(ending);
  }

  get size(): number {
    return this.#byId.size;
  }
}
