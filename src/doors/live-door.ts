/** One door's connection on this relay, whatever carries it (protocol 5): hello, then frames in their order until it closes. */
import type { Clock } from '../clock.js';
import type { CloseReason } from '../protocol/close-codes.js';
import type { DoorFrame, HelloFrame, RelayFrame } from '../protocol/door-frames.js';
import { LIMITS } from '../protocol/limits.js';
import type { DoorChannel, DoorLink, DoorLinks, ReceivedFrame } from './door-link.js';

/** What was found out about a door before its connection was accepted (protocol 4.6). */
export interface DoorSession {
  readonly doorId: string;
  readonly conn: string;
  readonly sessionHash: string;
  /** End of the door session, Unix milliseconds. */
  readonly sessionUntil: number;
  readonly address: string;
}

/** What others do with a connection; `presence.ts` and `reports.ts` together. */
export interface LiveDoorHandler {
  /** The door said hello; resolves once it is attached (or was closed). */
  readonly attach: (door: LiveDoor, hello: HelloFrame) => Promise<void>;
  readonly closed: (door: LiveDoor) => void;
  readonly onError: (error: unknown, work: string) => void;
  readonly reports: {
    frame(door: LiveDoor, frame: DoorFrame): Promise<void>;
    /** True for a frame this relay asked the door for. */
    expects(door: LiveDoor, frame: DoorFrame): boolean;
  };
}

/** How often a door says that it is there; it is told so at registration and on every connection (protocol 5.5). */
export const KEEP_ALIVE_SECONDS = 10;

/** Time for a fresh connection to say hello. */
const HELLO_MS = 10_000;
const QUEUE_MAX = 128;
const KEEP_ALIVE_GRACE_MS = 1000;

export class LiveDoor implements DoorLink {
  readonly session: DoorSession;
  readonly #channel: DoorChannel;
  readonly #clock: Clock;
  readonly #handler: LiveDoorHandler;
  #phase: 'new' | 'attaching' | 'live' = 'new';
  #heardAt: number;
  #queue = Promise.resolve();
  #queued = 0;
  /** Above 0 once attached. */
  epoch = 0;
  boot = '';
  /** What the channel called the end of it. */
  closedBy: string | undefined;

  constructor(channel: DoorChannel, clock: Clock, handler: LiveDoorHandler, session: DoorSession) {
    this.#channel = channel;
    this.#clock = clock;
    this.#handler = handler;
    this.session = session;
    this.#heardAt = clock.monotonic();
  }

  start(): void {
    this.#channel.listen({
      frame: (frame) => this.#onFrame(frame),
      expects: (frame) => this.#handler.reports.expects(this, frame),
      closed: (word) => {
        this.closedBy = word;
        this.#handler.closed(this);
      },
    });
  }

  get doorId(): string {
    return this.session.doorId;
  }

  get conn(): string {
    return this.session.conn;
  }

  get behind(): boolean {
    return this.#channel.behind;
  }

  /** Nothing but the welcome goes out before the door is attached. */
  send(frame: RelayFrame): boolean {
    return this.#phase === 'live' && this.#channel.send(frame);
  }

  sendBytes(frame: Uint8Array): boolean {
    return this.#phase === 'live' && this.#channel.sendBytes(frame);
  }

  welcome(): void {
    this.#phase = 'live';
    const { doorId: door, epoch } = this;
    this.send({ t: 'welcome', door, epoch, time: this.#clock.now(), keepAliveSeconds: KEEP_ALIVE_SECONDS });
  }

  close(reason: CloseReason): void {
    this.#channel.close(reason);
  }

  terminate(): void {
    this.#channel.terminate();
  }

  /** Called about once a second: closes what is silent or whose session ended (protocol 5.5, 4.5). */
  checkTime(): void {
    const silentMs = this.#clock.monotonic() - this.#heardAt;
    if (this.#phase !== 'live') {
      if (silentMs > HELLO_MS) this.close('protocol_error');
    } else if (silentMs > KEEP_ALIVE_SECONDS * 1000 * LIMITS.keepAlivesMissed + KEEP_ALIVE_GRACE_MS) {
      this.close('keep_alive_timeout');
    } else if (this.#clock.now() >= this.session.sessionUntil) {
      this.close('session_ended');
    }
  }

  #onFrame(frame: ReceivedFrame): void {
    if (frame.t === 'unknown') {
      if (this.#phase !== 'live') this.close('protocol_error');
      return;
    }
    this.#heardAt = this.#clock.monotonic();
    if ((frame.t === 'hello') !== (this.#phase === 'new')) return this.close('protocol_error');
    if (frame.t === 'hello') {
      this.#phase = 'attaching';
      this.boot = frame.boot;
      this.#enqueue(() => this.#handler.attach(this, frame), 'attach');
    } else if (frame.t === 'keepalive') {
      this.#channel.send({ t: 'keepalive', time: this.#clock.now() });
    } else if ((frame.t === 'result' || frame.t === 'challenge') && this.#phase === 'live') {
      // Answers somebody waits for need no order and must not wait behind an event that is being stored.
      void this.#guard(() => this.#handler.reports.frame(this, frame), frame.t);
    } else {
      this.#enqueue(() => this.#handler.reports.frame(this, frame), frame.t);
    }
  }

  #enqueue(work: () => Promise<void>, name: string): void {
    if (this.#queued >= QUEUE_MAX) return this.close('rate_limited');
    this.#queued += 1;
    this.#queue = this.#queue.then(async () => {
      await this.#guard(work, name);
      this.#queued -= 1;
    });
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

/** The live doors by id. A leaf of its own, because commands and updates need it before there is a presence to serve. */
export class LiveDoors implements DoorLinks {
  readonly #byDoor = new Map<string, LiveDoor>();

  find(doorId: string): LiveDoor | undefined {
    return this.#byDoor.get(doorId);
  }

  /** Makes `door` the live one unless one with a higher epoch is; returns the loser, if any. */
  put(door: LiveDoor): LiveDoor | undefined {
    const present = this.#byDoor.get(door.doorId);
    if (present !== undefined && present.epoch > door.epoch) return door;
    this.#byDoor.set(door.doorId, door);
    return present;
  }

  /** Removes this very connection; false when another one is live. */
  remove(door: LiveDoor): boolean {
    return this.#byDoor.get(door.doorId) === door && this.#byDoor.delete(door.doorId);
  }

  [Symbol.iterator](): IterableIterator<LiveDoor> {
    return this.#byDoor.values();
  }

  get size(): number {
    return this.#byDoor.size;
  }
}
