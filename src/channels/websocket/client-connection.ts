/** One site's client socket on this relay (protocol 7.7): frames in, answers out, bounded in everything. */
import type { Clock } from '../../clock.js';
import type { RequestContext, SiteIdentity } from '../../principal.js';
import { clientFrameSchema, type ClientEventFrame, type ClientFrame } from '../../protocol/client-frames.js';
import type { CloseReason } from '../../protocol/close-codes.js';
import { OpenLockError } from '../../protocol/problem.js';
import { parseStrictJson, StrictJsonError } from '../../protocol/strict-json.js';
import type { LiveSocket } from './live-socket.js';

export interface ClientConnectionHandler {
  /** Carries a frame out; its errors are answered to the sender. */
  handle(connection: ClientConnection, frame: ClientFrame): Promise<void>;
  /** Address limit for one frame; throws `rate_limited`. */
  admitFrame(connection: ClientConnection): void;
  closed(connection: ClientConnection): void;
  /** Called for every refusal; turns anything unexpected into `internal`. */
  refused(connection: ClientConnection, error: unknown): OpenLockError;
}

/** Frames one socket may have under way at once; more is refused, not queued. */
const IN_FLIGHT_MAX = 256;

export class ClientConnection {
  readonly context: RequestContext;
  readonly doors = new Set<string>();
  identity: SiteIdentity;
  readonly #socket: LiveSocket;
  readonly #clock: Clock;
  readonly #handler: ClientConnectionHandler;
  #inFlight = 0;
  #answeredPing = true;

  constructor(
    socket: LiveSocket,
    clock: Clock,
    handler: ClientConnectionHandler,
    identity: SiteIdentity,
    context: RequestContext,
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handler = handler;
    this.identity = identity;
    this.context = context;
  }

  start(): void {
    this.#socket.onText((text) => this.#onText(text));
    this.#socket.onPong(() => {
      this.#answeredPing = true;
    });
    this.#socket.onClosed(() => this.#handler.closed(this));
  }

  send(frame: ClientEventFrame): void {
    this.#socket.send(frame);
  }

  close(name: CloseReason): void {
    this.#socket.close(name);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Every 20 s (protocol 7.7): a socket that did not answer the last ping is gone. */
  ping(): void {
    if (!this.#answeredPing) return this.close('keep_alive_timeout');
    this.#answeredPing = false;
    this.#socket.ping();
  }

  /** Called about once a second: the token has a life of its own. */
  checkTime(): void {
    if (this.#clock.now() >= this.identity.expiresAt) this.close('session_ended');
  }

  #onText(text: string): void {
    let ref: string | undefined;
    try {
      const json = parseStrictJson(text);
      ref = refOf(json);
      this.#handler.admitFrame(this);
      const frame = clientFrameSchema.safeParse(json);
      if (!frame.success)
        throw new OpenLockError(
          'invalid_request',
          `Not a frame of protocol 7.7: ${frame.error.issues[0]?.path.join('.') ?? ''} is wrong.`,
        );
      if (this.#inFlight >= IN_FLIGHT_MAX)
        throw new OpenLockError('rate_limited', 'Too many frames under way on this socket.', { retryAfterMs: 1000 });
      this.#inFlight += 1;
      this.#handler
        .handle(this, frame.data)
        .catch((error: unknown) => this.#refuse(error, ref))
        .finally(() => {
          this.#inFlight -= 1;
        });
    } catch (error) {
      this.#refuse(
        error instanceof StrictJsonError
          ? new OpenLockError('invalid_request', `The frame is ${error.message}.`)
          : error,
        ref,
      );
    }
  }

  #refuse(error: unknown, ref: string | undefined): void {
    const problem = this.#handler.refused(this, error);
    const { retryAfterMs, commandId, state, receipt } = problem.extras;
    if (problem.code === 'door_refused' && ref !== undefined && commandId !== undefined) {
      // A door's "no" is a result like its "yes" (protocol 7.7).
      this.send({
        t: 'result',
        ref,
        commandId,
        state: 'refused',
        status: 400,
        ...(receipt !== undefined && { receipt }),
        latencyMs: problem.extras.latencyMs ?? 0,
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

/** The sender's reference, also of a frame that is wrong otherwise, so that the error finds its way. */
function refOf(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('ref' in json)) return undefined;
  return typeof json.ref === 'string' && json.ref.length >= 1 && json.ref.length <= 64 ? json.ref : undefined;
}
