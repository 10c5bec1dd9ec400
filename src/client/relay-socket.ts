import { relayToClientFrameSchema, type RelayToClientFrame } from '../protocol/client-frames.js';
import { isProblemCode, OpenLockError } from '../protocol/problem.js';
import { parseStrictJson } from '../protocol/strict-json.js';
import type { ClientClock, ClientRandom, WebSocketConstructor } from './ambient.js';
import { bounded, pause } from './bounded.js';
import { UnreachableError } from './errors.js';
import { unreachable } from './unreachable.js';
import { problemExtras } from './http-transport.js';
import { ReconnectPolicy, type SocketEnd } from './reconnect-policy.js';
import type { Session } from './session.js';
import { SocketConnection, type ConnectionEnd } from './socket-connection.js';
import { TokenKeeper } from './token-keeper.js';

export interface RelaySocketOptions {
  /** `wss://…/v1/socket` */
  readonly url: string;
  /** `undefined` where there is none (Node 20) and none was handed in: using the socket then throws. */
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly session: Session;
  /** A cheap authorized request on HTTP: says why a socket does not open. Rejects with the reason. */
  readonly probe: () => Promise<void>;
  readonly requestTimeoutMs: number;
}

/** What happens to the socket, for those who live on it. */
export interface SocketListener {
  opened?(): void;
  /** The socket is down; the next attempt comes in `retryInMs`. */
  closed?(end: SocketEnd, retryInMs: number): void;
  /** A frame that answers no request. */
  frame?(frame: RelayToClientFrame): void;
  /** No further attempt will be made until {@link RelaySocket.start}. */
  halted?(error: OpenLockError): void;
}

interface PendingAnswer {
  readonly resolve: (frame: RelayToClientFrame) => void;
  readonly reject: (error: Error) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The client socket of protocol 7.7: kept open, and asked like a request. */
export class RelaySocket {
  readonly #options: RelaySocketOptions;
  readonly #policy: ReconnectPolicy;
  readonly #listeners = new Set<SocketListener>();
  readonly #pending = new Map<string, PendingAnswer>();
  readonly #keeper: TokenKeeper;
  #running: AbortController | undefined;
  #connection: SocketConnection | undefined;
  readonly #waiters = new Set<Waiter>();
  /** Why the last attempt failed: told to requests that waited for the socket in vain. */
  #lastProblem: OpenLockError | undefined;
  #refs = 0;

  constructor(options: RelaySocketOptions) {
    this.#options = options;
    this.#policy = new ReconnectPolicy(options.random);
    this.#keeper = new TokenKeeper({
      clock: options.clock,
      session: options.session,
      present: (accessToken) => this.request({ t: 'token', accessToken }, { timeoutMs: options.requestTimeoutMs }),
      lost: (code, reason) => this.#connection?.giveUp(code, reason),
    });
  }

  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /** True while an answer is awaited. */
  get isBusy(): boolean {
    return this.#pending.size > 0 || this.#waiters.size > 0;
  }

  /** Connects and stays connected until {@link stop}. Does nothing while running. */
  start(): void {
    if (this.#running !== undefined) return;
    if (this.#options.WebSocket === undefined)
      throw new OpenLockError(
        'upgrade_required',
        'there is no WebSocket here: hand one in as `new OpenLock({ WebSocket })`',
      );
    const running = new AbortController();
    this.#running = running;
    void this.#run(running.signal);
  }

  /** Closes the socket; requests under way end with {@link UnreachableError}. */
  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#connection = undefined;
    this.#refuseWaiters(new UnreachableError('closed', 'the socket was closed', false));
  }

  /** The result removes the listener. */
  listen(listener: SocketListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Sends a frame with a `ref` of its own and waits for the frame that carries it. Throws {@link OpenLockError} for an
   * `error` frame, {@link UnreachableError} (`sent` says whether the frame went out) otherwise.
   */
  async request(frame: Readonly<Record<string, unknown>>, options: RequestOptions): Promise<RelayToClientFrame> {
    this.start();
    const ref = String((this.#refs += 1));
    let sent = false;
    const late = (): Error => {
      const detail = `no answer on the socket within ${options.timeoutMs} ms`;
      const problem = sent ? undefined : this.#lastProblem;
      if (!(problem instanceof UnreachableError)) return new UnreachableError('timeout', detail, sent, problem);
      return new UnreachableError(problem.reason, `${detail}: ${problem.message}`, false, problem.cause);
    };
    try {
      return await bounded(
        { clock: this.#options.clock, timeoutMs: options.timeoutMs, signal: options.signal, late },
        async (inner) => {
          const connection = this.#connection ?? (await this.#whenOpen(inner));
          const answer = new Promise<RelayToClientFrame>((resolve, reject) =>
            this.#pending.set(ref, { resolve, reject }),
          );
          // `t` and `ref` first, as protocol 7.7 spells frames: what relays read fastest.
          sent = connection.send(JSON.stringify({ t: frame['t'], ref, ...frame }));
          if (!sent) throw new UnreachableError('closed', 'the socket is closing', false);
          return answer;
        },
      );
    } finally {
      this.#pending.delete(ref);
    }
  }

  async #whenOpen(signal: AbortSignal): Promise<SocketConnection> {
    await new Promise<void>((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', () => this.#waiters.delete(waiter), { once: true });
    });
    signal.throwIfAborted();
    if (this.#connection === undefined) throw new UnreachableError('closed', 'the socket closed again', false);
    return this.#connection;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let rejectedToken: string | undefined;
    while (!signal.aborted) {
      const attempt = await this.#attempt(rejectedToken, signal);
      if (signal.aborted) return;
      this.#lastProblem = attempt.end.problem;
      const next = this.#policy.decide(attempt.end);
      if (next.act === 'stop') {
        this.#halt(next.error);
        return;
      }
      rejectedToken = next.renewToken ? attempt.accessToken : undefined;
      for (const listener of this.#listeners) listener.closed?.(attempt.end, next.delayMs);
      await pause(this.#options.clock, next.delayMs, signal).catch(() => undefined);
    }
  }

  async #attempt(
    rejectedToken: string | undefined,
    signal: AbortSignal,
  ): Promise<{ end: SocketEnd; accessToken?: string }> {
    const { session, clock } = this.#options;
    let accessToken: string;
    try {
      ({ accessToken } = await (rejectedToken === undefined ? session.current() : session.renew(rejectedToken)));
    } catch (error) {
      return { end: neverOpened(error) };
    }
    if (signal.aborted) return { end: neverOpened(undefined) };
    let connection: SocketConnection;
    try {
      connection = this.#connect(accessToken);
    } catch (error) {
      return {
        end: neverOpened(new UnreachableError('network', 'no WebSocket could be made', false, error)),
        accessToken,
      };
    }
    const giveUp = (): void => connection.giveUp(1000, 'done');
    signal.addEventListener('abort', giveUp, { once: true });
    const opened = await this.#opens(connection);
    const openedAt = clock.monotonic();
    if (opened) this.#takeUp(connection, accessToken);
    const end = await connection.ended;
    signal.removeEventListener('abort', giveUp);
    if (!opened) return { end: signal.aborted ? neverOpened(undefined) : await this.#whyNot(end), accessToken };
    this.#putDown();
    return {
      end: { code: end.code, reason: end.reason, openMs: clock.monotonic() - openedAt },
      accessToken: this.#keeper.accessToken ?? accessToken,
    };
  }

  #connect(accessToken: string): SocketConnection {
    const { url, WebSocket } = this.#options;
    if (WebSocket === undefined) throw new OpenLockError('upgrade_required', 'no WebSocket');
    return new SocketConnection({ url, WebSocket, accessToken, onText: (text) => this.#receive(text) });
  }

  async #opens(connection: SocketConnection): Promise<boolean> {
    const cancel = this.#options.clock.after(this.#options.requestTimeoutMs, () =>
      connection.giveUp(4006, 'did not open in time'),
    );
    const opened = await Promise.race([connection.opened.then(() => true), connection.ended.then(() => false)]);
    cancel();
    return opened;
  }

  /** A close code of our own tells why; otherwise HTTP is asked, and what the socket's own error says counts for what it can say. */
  async #whyNot({ code, reason, failure }: ConnectionEnd): Promise<SocketEnd> {
    const end = { code, reason, openMs: 0 };
    if (code >= 4000) return end;
    try {
      await this.#options.probe();
    } catch (error) {
      return neverOpened(error);
    }
    const problem = unreachable(failure);
    return problem.reason === 'network' ? end : neverOpened(problem);
  }

  #takeUp(connection: SocketConnection, accessToken: string): void {
    this.#connection = connection;
    this.#lastProblem = undefined;
    this.#keeper.start(accessToken);
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
    for (const listener of this.#listeners) listener.opened?.();
  }

  #putDown(): void {
    this.#connection = undefined;
    this.#keeper.stop();
    for (const { reject } of this.#pending.values())
      reject(new UnreachableError('closed', 'the socket closed before the answer came', true));
    this.#pending.clear();
  }

  #halt(error: OpenLockError): void {
    this.#running = undefined;
    this.#refuseWaiters(error);
    for (const listener of this.#listeners) listener.halted?.(error);
  }

  #refuseWaiters(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }

  #receive(text: string): void {
    this.#keeper.heard();
    const frame = readFrame(text);
    if (frame === undefined) return;
    const ref = 'ref' in frame ? frame.ref : undefined;
    const pending = ref === undefined ? undefined : this.#pending.get(ref);
    if (pending === undefined) {
      for (const listener of this.#listeners) listener.frame?.(frame);
    } else if (frame.t === 'error') pending.reject(errorOf(frame));
    else pending.resolve(frame);
  }
}

function neverOpened(error: unknown): SocketEnd {
  return { openMs: 0, code: 1006, reason: '', ...(error instanceof OpenLockError && { problem: error }) };
}

/** A frame this client does not know (a newer relay) is passed over (protocol 2.1). */
function readFrame(text: string): RelayToClientFrame | undefined {
  try {
    return relayToClientFrameSchema.safeParse(parseStrictJson(text)).data;
  } catch {
    return undefined;
  }
}

function errorOf(frame: Extract<RelayToClientFrame, { t: 'error' }>): OpenLockError {
  if (isProblemCode(frame.code)) return new OpenLockError(frame.code, frame.detail, problemExtras(frame));
  return new UnreachableError('bad_answer', `the relay answered with an unknown code: ${frame.code}`, true);
}
