import type { RelayToClientFrame } from '../protocol/client-frames.js';
import type { OpenLockError } from '../protocol/problem.js';

type FrameFields<T extends RelayToClientFrame['t']> = Omit<Extract<RelayToClientFrame, { t: T }>, 't' | 'ref'>;

/** What a stream of events yields. Door, kind and state are the relay's word: advisory (protocol 1.1). Times: Unix milliseconds. */
export type StreamEvent =
  /** Events flow from here on. `resumed`: what happened since `disconnected` is lost; ask for what matters. */
  | { readonly type: 'connected'; readonly resumed: boolean }
  | { readonly type: 'disconnected'; readonly code: number; readonly reason: string; readonly retryInMs: number }
  | ({ readonly type: 'event' } & FrameFields<'event'>)
  | ({ readonly type: 'presence' } & FrameFields<'presence'>)
  | ({ readonly type: 'status' } & FrameFields<'status'>)
  /** The relay lets this site not subscribe to the door. */
  | { readonly type: 'refused'; readonly door: string; readonly error: OpenLockError }
  /** The reader was too slow; this many older events were thrown away. */
  | { readonly type: 'dropped'; readonly count: number }
  /** The last one. `error` is absent when the stream was closed from this side. */
  | { readonly type: 'ended'; readonly error?: OpenLockError };

export type StreamEventOf<T extends StreamEvent['type']> = Extract<StreamEvent, { type: T }>;

/** Unread events kept for a `for await` that is slow. */
const QUEUE_LENGTH = 1000;

/**
 * Live events of some doors, for `for await` (which throws the error a stream ends with) or `on(type, listener)`. It
 * reconnects by itself; `close()` ends it.
 */
export class EventStream implements AsyncIterable<StreamEvent> {
  readonly doors: ReadonlySet<string>;
  readonly #onClose: (stream: EventStream) => void;
  readonly #listeners = new Map<StreamEvent['type'], Set<(event: StreamEvent) => void>>();
  readonly #queue: StreamEvent[] = [];
  #dropped = 0;
  #wake: () => void = () => undefined;
  #ended: StreamEventOf<'ended'> | undefined;

  /** @internal Streams are made by `OpenLock.events`. */
  constructor(doors: Iterable<string>, onClose: (stream: EventStream) => void) {
    this.doors = new Set(doors);
    this.#onClose = onClose;
  }

  /** Calls `listener` for every event of the type. The result removes it. */
  on<T extends StreamEvent['type']>(type: T, listener: (event: StreamEventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // The map files listeners by the type they take.
    const filed = listener as (event: StreamEvent) => void;
    listeners.add(filed);
    return () => listeners.delete(filed);
  }

  /** Ends the stream; a `for await` over it finishes. */
  close(): void {
    this.end();
  }

  /** @internal */
  emit(event: StreamEvent): void {
    if (this.#ended !== undefined) return;
    if (event.type === 'ended') this.#ended = event;
    if (this.#queue.length >= QUEUE_LENGTH) {
      this.#queue.shift();
      this.#dropped += 1;
    }
    this.#queue.push(event);
    this.#wake();
    for (const listener of this.#listeners.get(event.type) ?? []) callSafely(listener, event);
  }

  /** @internal */
  end(error?: OpenLockError): void {
    if (this.#ended !== undefined) return;
    this.emit(error === undefined ? { type: 'ended' } : { type: 'ended', error });
    this.#onClose(this);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void> {
    try {
      for (;;) {
        if (this.#dropped > 0) {
          const count = this.#dropped;
          this.#dropped = 0;
          yield { type: 'dropped', count };
        }
        const event = this.#queue.shift();
        if (event === undefined) {
          if (this.#ended !== undefined) return;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else if (event.type === 'ended') {
          if (event.error !== undefined) throw event.error;
          return;
        } else yield event;
      }
    } finally {
      // Also when the caller breaks out of its loop.
      this.close();
    }
  }
}

/** A listener that throws must not keep the others from hearing; its error surfaces like any uncaught one. */
function callSafely(listener: (event: StreamEvent) => void, event: StreamEvent): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
