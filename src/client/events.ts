import type { RelayToClientFrame } from '../protocol/client-frames.js';
import { OpenLockError } from '../protocol/problem.js';
import type { ClientClock } from './ambient.js';
import { pause } from './bounded.js';
import { UnreachableError } from './errors.js';
import { EventStream } from './event-stream.js';
import type { RelaySocket } from './relay-socket.js';

export interface EventHubOptions {
  readonly socket: RelaySocket;
  readonly clock: ClientClock;
  readonly requestTimeoutMs: number;
  /** Called when the last stream has ended. */
  readonly idle: () => void;
}

/** 64-character door ids in frames of 16 KiB at most. */
const DOORS_PER_FRAME = 200;
const RATE_LIMIT_PAUSE_MS = 1_000;

/** The open streams, what they subscribe to, and what each of them hears. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #streams = new Set<EventStream>();
  /** Streams that were connected before: for them a new connection is a resumption. */
  readonly #connected = new WeakSet<EventStream>();

  constructor(options: EventHubOptions) {
    this.#options = options;
    options.socket.listen({
      opened: () => void this.#subscribe([...this.#streams]),
      closed: (end, retryInMs) => {
        for (const stream of this.#streams)
          stream.emit({ type: 'disconnected', code: end.code, reason: end.problem?.message ?? end.reason, retryInMs });
      },
      frame: (frame) => this.#deliver(frame),
      halted: (error) => {
        for (const stream of [...this.#streams]) stream.end(error);
      },
    });
  }

  /** A stream of the doors' events; the abort signal closes it. */
  open(doorIds: Iterable<string>, signal?: AbortSignal): EventStream {
    signal?.throwIfAborted();
    const close = (): void => stream.close();
    const stream = new EventStream(doorIds, (ended) => {
      signal?.removeEventListener('abort', close);
      this.#remove(ended);
    });
    if (stream.doors.size === 0) throw new OpenLockError('invalid_request', 'name at least one door');
    this.#streams.add(stream);
    signal?.addEventListener('abort', close, { once: true });
    this.#options.socket.start();
    if (this.#options.socket.isOpen) void this.#subscribe([stream]);
    return stream;
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.close();
  }

  #remove(stream: EventStream): void {
    this.#streams.delete(stream);
    const unused = [...stream.doors].filter((door) => ![...this.#streams].some((other) => other.doors.has(door)));
    if (this.#streams.size === 0) this.#options.idle();
    void this.#unsubscribe(unused);
  }

  #deliver(frame: RelayToClientFrame): void {
    if (frame.t !== 'event' && frame.t !== 'presence' && frame.t !== 'status') return;
    const { t: type, ...fields } = frame;
    for (const stream of this.#streams)
      if (stream.doors.has(frame.door)) stream.emit({ type, ...fields } as Parameters<EventStream['emit']>[0]);
  }

  async #subscribe(streams: readonly EventStream[]): Promise<void> {
    const doors = [...new Set(streams.flatMap((stream) => [...stream.doors]))];
    try {
      for (let at = 0; at < doors.length; at += DOORS_PER_FRAME)
        await this.#subscribeTo(doors.slice(at, at + DOORS_PER_FRAME));
    } catch {
      // The socket is gone, or the relay does not answer: the next connection subscribes again.
      return;
    }
    for (const stream of streams) {
      stream.emit({ type: 'connected', resumed: this.#connected.has(stream) });
      this.#connected.add(stream);
    }
  }

  /** One door the site may not see must not cost it the others: what is refused is split until the culprit stands alone. */
  async #subscribeTo(doors: readonly string[]): Promise<void> {
    const { socket, clock, requestTimeoutMs } = this.#options;
    if (!socket.isOpen) throw new UnreachableError('closed', 'the socket is closed', false);
    try {
      await socket.request({ t: 'subscribe', doors }, { timeoutMs: requestTimeoutMs });
    } catch (error) {
      if (!(error instanceof OpenLockError) || error instanceof UnreachableError) throw error;
      if (error.code === 'rate_limited') {
        await pause(clock, error.extras.retryAfterMs ?? RATE_LIMIT_PAUSE_MS);
        return this.#subscribeTo(doors);
      }
      const [door] = doors;
      if (doors.length === 1 && door !== undefined) {
        for (const stream of this.#streams) if (stream.doors.has(door)) stream.emit({ type: 'refused', door, error });
        return;
      }
      const half = Math.ceil(doors.length / 2);
      await this.#subscribeTo(doors.slice(0, half));
      await this.#subscribeTo(doors.slice(half));
    }
  }

  async #unsubscribe(doors: readonly string[]): Promise<void> {
    const { socket, requestTimeoutMs } = this.#options;
    for (let at = 0; at < doors.length && socket.isOpen; at += DOORS_PER_FRAME) {
      const frame = { t: 'unsubscribe', doors: doors.slice(at, at + DOORS_PER_FRAME) };
      // Events for nobody are thrown away here, so a lost unsubscription costs only traffic.
      await socket.request(frame, { timeoutMs: requestTimeoutMs }).catch(() => undefined);
    }
  }
}
