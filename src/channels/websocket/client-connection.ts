/** One site's client socket on this relay (protocol 7.7): frames in, answers out, bounded in everything. */
import type { Clock } from '../../clock.js';
import type { Gate } from '../../gate/gate.js';
import { isCallersFault } from '../../gate/refusals.js';
import type { Visit } from '../../gate/visit.js';
import type { Caller, RequestContext } from '../../principal.js';
import type { ClientEventFrame, ClientFrame } from '../../protocol/client-frames.js';
import type { CloseReason } from '../../protocol/close-codes.js';
import { OpenLockError } from '../../protocol/problem.js';
import { clientFrameText, readClientFrame } from './frames.js';
import type { LiveSocket } from './live-socket.js';

export interface ClientConnectionHandler {
  /** Carries a frame out; its errors are answered to the sender. */
  handle(connection: ClientConnection, frame: ClientFrame, visit: Visit): Promise<void>;
  closed(connection: ClientConnection): void;
}

export interface ClientConnectionOptions {
  readonly socket: LiveSocket;
  readonly clock: Clock;
  readonly gate: Pick<Gate, 'openFrame' | 'take' | 'refuse'>;
  readonly handler: ClientConnectionHandler;
  readonly caller: Caller;
  readonly context: RequestContext;
}

/** Frames one socket may have under way at once; more is refused, not queued. */
const IN_FLIGHT_MAX = 256;
/** Refused frames after which a socket is closed (protocol 8.4), and the time without any that clears the count. */
const REFUSALS_MAX = 200;
const REFUSALS_FORGOTTEN_MS = 60_000;
/** How long a socket is not read from after a frame over the limit of its address: a flood waits on its own side. */
const REST_MS = 50;
/** Where the `ref` of a frame is looked for that is refused unread. */
const GLANCE_CHARS = 256;

export class ClientConnection {
  readonly context: RequestContext;
  readonly doors = new Set<string>();
  caller: Caller;
  readonly #options: ClientConnectionOptions;
  #inFlight = 0;
  #answeredPing = true;
  #isResting = false;
  #refusals = 0;
  /** Monotonic milliseconds. */
  #refusedAt = 0;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    this.caller = options.caller;
    this.context = options.context;
  }

  start(): void {
    const { socket, handler } = this.#options;
    socket.onText((text) => this.#onText(text));
    socket.onPong(() => {
      this.#answeredPing = true;
    });
    socket.onClosed(() => handler.closed(this));
  }

  send(frame: ClientEventFrame): void {
    this.#options.socket.send(clientFrameText(frame));
  }

  close(name: CloseReason): void {
    this.#options.socket.close(name);
  }

  terminate(): void {
    this.#options.socket.terminate();
  }

  /** Every 20 s (protocol 7.7): a socket that did not answer the last ping is gone. */
  ping(): void {
    if (!this.#answeredPing) return this.close('keep_alive_timeout');
    this.#answeredPing = false;
    this.#options.socket.ping();
  }

  /** Called about once a second: the token has a life of its own. */
  checkTime(): void {
    if (this.#options.clock.now() >= this.caller.expiresAt) this.close('session_ended');
  }

  #onText(text: string): void {
    const { gate } = this.#options;
    const visit = gate.openFrame(this.context, this.caller);
    let ref: string | undefined;
    try {
      gate.take(visit);
      const frame = readClientFrame(text);
      ref = frame.ref;
      if (frame.t === 'unreadable') throw new OpenLockError('invalid_request', frame.why);
      visit.stage = 'places';
      if (this.#inFlight >= IN_FLIGHT_MAX)
        throw new OpenLockError('rate_limited', 'Too many frames under way on this socket.');
      void this.#handle(frame, visit);
    } catch (error) {
      const isUnread = visit.stage === 'address';
      if (isUnread) this.#rest();
      void this.#refuse(visit, error, isUnread ? glanceAtRef(text) : ref);
    }
  }

  /** Never rejects. */
  async #handle(frame: ClientFrame, visit: Visit): Promise<void> {
    this.#inFlight += 1;
    try {
      await this.#options.handler.handle(this, frame, visit);
    } catch (error) {
      await this.#refuse(visit, error, frame.ref);
    }
    this.#inFlight -= 1;
  }

  #rest(): void {
    if (this.#isResting) return;
    const { socket, clock } = this.#options;
    this.#isResting = true;
    socket.pause();
    clock.after(REST_MS, () => {
      this.#isResting = false;
      socket.resume();
    });
  }

  /** Never rejects. */
  async #refuse(visit: Visit, thrown: unknown, ref: string | undefined): Promise<void> {
    const problem = await this.#options.gate.refuse(visit, thrown);
    this.#answer(problem, ref);
    if (problem.code === 'token_revoked' || problem.code === 'token_expired') this.close('session_ended');
    if (problem.code === 'site_blocked') this.close('disabled');
    if (isCallersFault(visit, problem) && this.#isOneTooMany()) this.close('rate_limited');
  }

  /** Counts a refused frame. A token that became free in between changes nothing: else a flood at twice the limit went on for ever. */
  #isOneTooMany(): boolean {
    const now = this.#options.clock.monotonic();
    if (now - this.#refusedAt >= REFUSALS_FORGOTTEN_MS) this.#refusals = 0;
    this.#refusedAt = now;
    this.#refusals += 1;
    return this.#refusals >= REFUSALS_MAX;
  }

  #answer(problem: OpenLockError, ref: string | undefined): void {
    const { retryAfterMs, commandId, state, receipt } = problem.extras;
    if (problem.code === 'door_refused' && ref !== undefined && commandId !== undefined) {
      // A door's "no" is a result like its "yes" (protocol 7.7).
      this.send({
        t: 'result',
        ref,
        commandId,
        state: 'refused',
        status: 400,
        latencyMs: problem.extras.latencyMs ?? 0,
        ...(receipt !== undefined && { receipt }),
      });
      return;
    }
    this.send({
      t: 'error',
      ...(ref !== undefined && { ref }),
      code: problem.code,
      detail: problem.message,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(commandId !== undefined && { commandId }),
      ...(state !== undefined && { state }),
    });
  }
}

/** The `ref` of a frame nobody may read, if it stands near the beginning and needs no decoding: to parse it would be the work the limit is for. */
function glanceAtRef(text: string): string | undefined {
  return /"ref"\s{0,8}:\s{0,8}"([^"\\]{1,64})"/.exec(text.slice(0, GLANCE_CHARS))?.[1];
}
