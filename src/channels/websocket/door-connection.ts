/** One door's socket on this relay (protocol 5): hello, then frames until it closes. */
import type { Clock } from '../../clock.js';
import type { DoorLink } from '../../commands/door-links.js';
import type { UpdateLink } from '../../updates/update-link.js';
import type { CloseName } from '../../protocol/close-codes.js';
import { doorFrameSchema, type DoorFrame, type HelloFrame, type RelayFrame } from '../../protocol/door-frames.js';
import { LIMITS } from '../../protocol/limits.js';
import { parseStrictJson, StrictJsonError } from '../../protocol/strict-json.js';
import { UPDATE_PHASES } from '../../protocol/update-frames.js';
import { FrameBudget } from './frame-budget.js';
import type { LiveSocket } from './live-socket.js';

/** What the hub does with a connection. */
export interface DoorConnectionHandler {
  /** The door said hello; resolves once it is attached (or was closed). */
  attach(connection: DoorConnection, hello: HelloFrame): Promise<void>;
  frame(connection: DoorConnection, frame: Exclude<DoorFrame, HelloFrame>): Promise<void>;
  closed(connection: DoorConnection, code: number): void;
  /** True for the id of a command or question that was written here: its answer is not counted against the budget. */
  awaits(id: string): boolean;
  /** True while the door downloads: blocks it asks for are bounded by their number under way. */
  expectsGets(connection: DoorConnection): boolean;
  onError(error: unknown, work: string): void;
}

export interface DoorConnectionOptions {
  readonly doorId: string;
  readonly conn: string;
  readonly sessionHash: string;
  /** End of the door session, Unix milliseconds. */
  readonly sessionUntil: number;
  readonly address: string;
}

/** Time for a fresh socket to say hello. */
const HELLO_MS = 10_000;
/** Besides events (protocol 5.2): keep-alives, states and answers nobody waits for. */
const OTHER_FRAMES = { perSecond: 10, burst: 60 } as const;
const QUEUE_MAX = 128;
const KEEP_ALIVE_GRACE_MS = 1000;

export class DoorConnection implements DoorLink, UpdateLink {
  readonly options: DoorConnectionOptions;
  readonly #socket: LiveSocket;
  readonly #clock: Clock;
  readonly #handler: DoorConnectionHandler;
  readonly #events: FrameBudget;
  readonly #others: FrameBudget;
  #phase: 'new' | 'attaching' | 'live' = 'new';
  #heardAt: number;
  #queue = Promise.resolve();
  #queued = 0;
  /** Set once attached. */
  epoch = 0;
  boot = '';

  constructor(socket: LiveSocket, clock: Clock, handler: DoorConnectionHandler, options: DoorConnectionOptions) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handler = handler;
    this.options = options;
    this.#heardAt = clock.monotonic();
    this.#events = new FrameBudget(clock, LIMITS.eventsPerSecond, LIMITS.eventsPerSecond * 2);
    this.#others = new FrameBudget(clock, OTHER_FRAMES.perSecond, OTHER_FRAMES.burst);
  }

  start(): void {
    this.#socket.onText((text) => this.#onText(text));
    this.#socket.onClosed((code) => this.#handler.closed(this, code));
  }

  get doorId(): string {
    return this.options.doorId;
  }

  get conn(): string {
    return this.options.conn;
  }

  /** Nothing but the welcome goes out before the door is attached. */
  send(frame: RelayFrame): boolean {
    return this.#phase === 'live' && this.#socket.send(frame);
  }

  sendChunk(frame: Uint8Array): boolean {
    return this.#phase === 'live' && this.#socket.sendBinary(frame);
  }

  get behind(): boolean {
    return this.#socket.behind;
  }

  welcome(epoch: number): void {
    this.epoch = epoch;
    this.#phase = 'live';
    this.#socket.send({
      t: 'welcome',
      door: this.doorId,
      epoch,
      time: this.#clock.now(),
      keepAliveSeconds: LIMITS.keepAliveSeconds,
    });
  }

  close(name: CloseName): void {
    this.#socket.close(name);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Called about once a second: closes what is silent or whose session ended (protocol 5.5, 4.5). */
  checkTime(): void {
    const silentMs = this.#clock.monotonic() - this.#heardAt;
    if (this.#phase !== 'live') {
      if (silentMs > HELLO_MS) this.close('protocol_error');
    } else if (silentMs > LIMITS.keepAliveSeconds * 1000 * LIMITS.keepAlivesMissed + KEEP_ALIVE_GRACE_MS) {
      this.close('keep_alive_timeout');
    } else if (this.#clock.now() >= this.options.sessionUntil) {
      this.close('session_ended');
    }
  }

  #onText(text: string): void {
    const frame = this.#parse(text);
    if (frame === undefined) return;
    this.#heardAt = this.#clock.monotonic();
    if (frame.t === 'hello') {
      if (this.#phase !== 'new') return this.close('protocol_error');
      this.#phase = 'attaching';
      this.boot = frame.boot;
      this.#enqueue(() => this.#handler.attach(this, frame), 'attach');
      return;
    }
    if (this.#phase === 'new') return this.close('protocol_error');
    if (!this.#affordable(frame)) return this.close('rate_limited');
    if (frame.t === 'keepalive') this.#socket.send({ t: 'keepalive', time: this.#clock.now() });
    // Answers somebody waits for need no order and must not wait behind an event that is being stored.
    else if ((frame.t === 'result' || frame.t === 'challenge') && this.#phase === 'live')
      this.#run(() => this.#handler.frame(this, frame), frame.t);
    else this.#enqueue(() => this.#handler.frame(this, frame), frame.t);
  }

  /** A frame, or `undefined` after closing (malformed) or ignoring (a kind this relay does not know yet, protocol 2.1). */
  #parse(text: string): DoorFrame | undefined {
    let json: unknown;
    try {
      json = parseStrictJson(text);
    } catch (error) {
      if (!(error instanceof StrictJsonError)) throw error;
      this.close('protocol_error');
      return undefined;
    }
    const frame = doorFrameSchema.safeParse(json);
    if (frame.success) return frame.data;
    if (this.#phase === 'live' && isUnknownKind(json) && this.#others.take()) return undefined;
    this.close('protocol_error');
    return undefined;
  }

  #affordable(frame: DoorFrame): boolean {
    if (frame.t === 'event') return this.#events.take();
    if (isAnswer(frame) && this.#handler.awaits(frame.id)) return true;
    if (frame.t === 'update' && frame.phase === 'get' && this.#handler.expectsGets(this)) return true;
    return this.#others.take();
  }

  #enqueue(work: () => Promise<void>, name: string): void {
    if (this.#queued >= QUEUE_MAX) return this.close('rate_limited');
    this.#queued += 1;
    this.#queue = this.#queue.then(async () => {
      await this.#guard(work, name);
      this.#queued -= 1;
    });
  }

  #run(work: () => Promise<void>, name: string): void {
    void this.#guard(work, name);
  }

  async #guard(work: () => Promise<void>, name: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#handler.onError(error, name);
      if (name === 'attach') this.close('internal');
    }
  }
}

const KNOWN_KINDS: ReadonlySet<unknown> = new Set<DoorFrame['t']>([
  'hello',
  'result',
  'status',
  'challenge',
  'event',
  'keepalive',
  'update',
]);

/** A frame, or a phase of an update, that a newer door knows and this relay does not (protocol 2.1). */
function isUnknownKind(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || !('t' in json) || typeof json.t !== 'string') return false;
  if (json.t === 'update') return 'phase' in json && typeof json.phase === 'string' && !UPDATE_PHASES.has(json.phase);
  return !KNOWN_KINDS.has(json.t);
}

function isAnswer(
  frame: DoorFrame,
): frame is Extract<DoorFrame, { t: 'result' | 'status' | 'challenge' }> & { id: string } {
  return 'id' in frame && frame.id !== undefined && frame.t !== 'update';
}
