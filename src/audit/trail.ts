/**
 * The audit trail (protocol 10). Commands and operator acts are entries of their own, written by the very Redis function
 * that makes the change: `entry()` makes their text. Refusals and failures are folded per address, code and minute, into streams of
 * their own; a door's refusals are folded where they are stored, by its functions.
 */
import type { Cancel, Clock } from '../clock.js';
import type { AuditStore } from '../store/audit-store.js';
import type { AuditEntry, AuditFields } from './entry.js';

/** A refusal as the fold knows it; what differs from request to request (request id) is left out on purpose. */
export interface Refusal {
  readonly kind: AuditFields['kind'];
  readonly actor: string;
  readonly code: string;
  readonly address: string;
  /** Only a door the actor may see: others would let a stranger choose how many folds there are. */
  readonly door?: string;
  readonly requestId?: string;
}

export interface AuditTrailDependencies {
  readonly store: Pick<AuditStore, 'fold' | 'closeFoldsBefore' | 'append'>;
  readonly clock: Clock;
  /** Name of this relay in the entries. */
  readonly node: string;
  /** Told when refusals could not be written; they are kept and tried again. */
  readonly onError: (error: unknown) => void;
}

const FLUSH_MS = 250;
const FOLDS_IN_MEMORY = 1000;
const MINUTE_MS = 60_000;

export class AuditTrail {
  readonly #deps: AuditTrailDependencies;
  readonly #pending = new Map<number, Map<string, number>>();
  #cancel: Cancel = () => undefined;
  #flushing: Promise<void> | undefined;
  #lastClosedMinute = 0;

  constructor(dependencies: AuditTrailDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(FLUSH_MS, () => void this.flush());
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.flush();
  }

  /** Text of one entry, to be written by the Redis function that makes the change. */
  entry(fields: AuditFields): string {
    return JSON.stringify({ at: this.#deps.clock.now(), node: this.#deps.node, ...fields } satisfies AuditEntry);
  }

  /** Writes an entry where no function of the store carries it. */
  async write(stream: string, fields: AuditFields): Promise<void> {
    await this.#deps.store.append(stream, this.entry(fields));
  }

  /** Counts a refusal or failure. Never throws, never waits: it is called on the way to an answer. */
  refusal(refusal: Refusal): void {
    const minute = Math.floor(this.#deps.clock.now() / MINUTE_MS);
    let folds = this.#pending.get(minute);
    if (folds === undefined) {
      folds = new Map();
      this.#pending.set(minute, folds);
    }
    const { kind, actor, code, address, door } = refusal;
    const field = this.#field(minute, { kind, actor, ...(door !== undefined && { door }), code, address });
    const key = folds.has(field) || folds.size < FOLDS_IN_MEMORY ? field : this.#overflow(minute);
    folds.set(key, (folds.get(key) ?? 0) + 1);
  }

  /** Writes what was counted. What cannot be written stays and is tried again. */
  async flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    try {
      for (const [minute, folds] of [...this.#pending]) {
        if (folds.size === 0) continue;
        this.#pending.delete(minute);
        try {
          await this.#deps.store.fold(minute, folds, this.#overflow(minute));
        } catch (error) {
          this.#putBack(minute, folds);
          throw error;
        }
      }
      const minute = Math.floor(this.#deps.clock.now() / MINUTE_MS);
      // One minute of grace: other relays may still be writing the last one.
      if (minute - 1 > this.#lastClosedMinute) {
        await this.#deps.store.closeFoldsBefore(minute - 1);
        this.#lastClosedMinute = minute - 1;
      }
    } catch (error) {
      this.#deps.onError(error);
    }
  }

  #putBack(minute: number, folds: ReadonlyMap<string, number>): void {
    const now = this.#pending.get(minute) ?? new Map<string, number>();
    for (const [field, count] of folds) {
      const key = now.has(field) || now.size < FOLDS_IN_MEMORY ? field : this.#overflow(minute);
      now.set(key, (now.get(key) ?? 0) + count);
    }
    this.#pending.set(minute, now);
    // A long outage must not grow memory: at most ten minutes of folds are kept.
    for (const oldest of [...this.#pending.keys()].sort((a, b) => a - b).slice(0, -10)) this.#pending.delete(oldest);
  }

  #field(minute: number, fields: Omit<AuditFields, 'requestId'>): string {
    return JSON.stringify({ at: minute * MINUTE_MS, node: this.#deps.node, ...fields });
  }

  #overflow(minute: number): string {
    return this.#field(minute, { kind: 'refused', actor: 'anonymous', code: 'many', address: 'many' });
  }
}
