/** The loop that keeps a door connected: register, connect, live, lose it, wait, again (protocol 4, 5.6). */
import { closeByCode } from '../protocol/close-codes.js';
import type { Cancel, RandomSource, TimeSource } from './ambient.js';
import { Backoff } from './backoff.js';
import { DoorConnection, type ConnectionEnd, type ConnectionOwner, type WelcomeFrame } from './connection.js';
import type { DoorIdentity } from './identity.js';
import { register, type RegistrationRequest, type Refusal } from './registration.js';
import type { DoorSettings } from './settings.js';
import type { RelayTransport } from './transport.js';

const HOUR_MS = 3_600_000;

/** Why the door is not connected, and when it tries again. */
export interface Trouble {
  /** What was going on: no network to join, registering, the upgrade, or a live socket that ended. */
  readonly stage: 'network' | 'register' | 'connect' | 'live';
  /** HTTP status, or 0. */
  readonly status: number;
  /** Close code of the socket, or 0. */
  readonly closeCode: number;
  readonly code: string | undefined;
  readonly detail: string;
  readonly retryInMs: number;
}

/** Limits how fast a fleet goes at a relay; a single door has none. */
export interface Gate {
  /** Waits for leave to make `requests` requests; the returned function says that the attempt is over. */
  enter(requests: number): Promise<() => void>;
}

export interface SessionHost extends ConnectionOwner {
  readonly settings: DoorSettings;
  readonly identity: DoorIdentity;
  /** The key to rotate to, if one waits. */
  readonly nextIdentity: DoorIdentity | undefined;
  readonly firmware: RegistrationRequest['firmware'];
  /** False while the configured network cannot be joined. */
  networkUp(): boolean;
  /** The relay has bound `nextIdentity`. */
  adoptNextKey(): Promise<void> | void;
  lost(): void;
  trouble(trouble: Trouble): void;
}

interface SessionToken {
  readonly value: string;
  readonly path: string;
  /** Monotonic ms. */
  readonly expiresAt: number;
  /** What it is good for; settings may have changed since. */
  readonly serverAddress: string;
  readonly doorId: string;
}

export interface SessionTools {
  readonly transport: RelayTransport;
  readonly time: TimeSource;
  readonly random: RandomSource;
  readonly gate?: Gate;
}

export class DoorSession {
  readonly #host: SessionHost;
  readonly #tools: SessionTools;
  readonly #backoff: Backoff;
  #token: SessionToken | undefined;
  #connection: DoorConnection | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Set by {@link renew}: whatever is under way belongs to yesterday. */
  #renewed = false;
  readonly #abort = new AbortController();
  /** After a refusal of the new key the old one has its turn, or a lost answer could shut the door out for good. */
  #preferNextKey = true;

  constructor(host: SessionHost, tools: SessionTools) {
    this.#host = host;
    this.#tools = tools;
    this.#backoff = new Backoff(tools.random);
  }

  /** The live connection, if there is one. */
  get connection(): DoorConnection | undefined {
    return this.#connection?.live === true ? this.#connection : undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Closes in order and ends the loop. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#abort.abort();
    this.#wake?.();
    this.#connection?.close('going_away');
    await this.#running;
  }

  /** Forgets the session and connects again at once: after a boot, a new key, or new settings. */
  renew(): void {
    this.#token = undefined;
    this.#preferNextKey = true;
    this.#backoff.reset();
    this.#renewed = true;
    if (this.#connection === undefined) this.#wake?.();
    else this.#connection.close('going_away');
  }

  /** Pulls the plug of the current socket, as a test of what happens then. */
  kill(): void {
    this.#connection?.kill();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#renewed = false;
      const pauseMs = await this.#attempt();
      if (!this.#stopped && !this.#renewed) await this.#sleep(pauseMs);
    }
  }

  /** One way through; resolves with the milliseconds to wait before the next. */
  async #attempt(): Promise<number> {
    if (!this.#host.networkUp())
      return this.#report('network', {
        status: 0,
        code: undefined,
        detail: 'the network cannot be joined',
        retryAfterMs: undefined,
      });
    const leave = (await this.#tools.gate?.enter(this.#validToken() === undefined ? 3 : 1)) ?? (() => undefined);
    try {
      if (this.#stopped) return 0;
      const token = this.#validToken() ?? (await this.#register());
      if (typeof token === 'number') return token;
      if (this.#stopped || this.#renewed) return 0;
      return await this.#connect(token, leave);
    } finally {
      leave();
    }
  }

  #validToken(): SessionToken | undefined {
    const { serverAddress, doorId } = this.#host.settings;
    const token = this.#token;
    const valid =
      token !== undefined &&
      token.serverAddress === serverAddress &&
      token.doorId === doorId &&
      this.#tools.time.monotonic() < token.expiresAt;
    return valid ? token : undefined;
  }

  /** A session, or the pause after a refusal. */
  async #register(): Promise<SessionToken | number> {
    const { settings, identity, nextIdentity, firmware } = this.#host;
    const next = this.#preferNextKey ? nextIdentity : undefined;
    const registered = await register(this.#tools.transport, {
      settings,
      identity: next ?? identity,
      rotateFrom: next === undefined ? undefined : identity,
      firmware,
      signal: this.#abort.signal,
    });
    if (!registered.ok) {
      const { status } = registered.refusal;
      if (nextIdentity !== undefined && (status === 401 || status === 409)) this.#preferNextKey = next === undefined;
      return this.#report('register', registered.refusal);
    }
    if (next !== undefined) await this.#host.adoptNextKey();
    const { sessionToken, socketPath, expiresInSeconds } = registered.answer;
    this.#token = {
      value: sessionToken,
      path: socketPath,
      expiresAt: this.#tools.time.monotonic() + expiresInSeconds * 1000,
      serverAddress: settings.serverAddress,
      doorId: settings.doorId,
    };
    return this.#token;
  }

  async #connect(token: SessionToken, leave: () => void): Promise<number> {
    const { transport, time, random } = this.#tools;
    const headers = { authorization: `Bearer ${token.value}`, 'x-openlock-door': token.doorId };
    const socket = transport.dial(token.serverAddress, token.path, headers, this.#host.settings.caCertificate);
    const connection = new DoorConnection(socket, this.#ownerOf(leave), time, random);
    this.#connection = connection;
    const end = await connection.ended;
    this.#connection = undefined;
    if (end.kind === 'closed' && end.wasLive) this.#host.lost();
    return end.kind === 'refused' ? this.#refused(end.refusal) : this.#closed(end);
  }

  /** The host, with the gate let go of once the door is live. */
  #ownerOf(leave: () => void): ConnectionOwner {
    const host = this.#host;
    return {
      doorId: host.settings.doorId,
      hello: () => host.hello(),
      welcomed: (frame: WelcomeFrame) => {
        leave();
        host.welcomed(frame);
      },
      relayTime: (unixMs) => host.relayTime(unixMs),
      command: (frame) => host.command(frame),
      statusAsked: (id) => host.statusAsked(id),
      challengeAsked: (id) => host.challengeAsked(id),
      updateOffered: (frame) => host.updateOffered(frame),
      updateBlock: (frame) => host.updateBlock(frame),
    };
  }

  #refused(refusal: Refusal): number {
    if (refusal.status === 401) this.#token = undefined;
    return this.#report('connect', refusal);
  }

  #closed(end: ConnectionEnd & { kind: 'closed' }): number {
    const close = closeByCode(end.code);
    // Only a connection that lasted counts as success, or a relay that welcomes and drops would be hammered.
    if (end.liveMs >= 10_000) this.#backoff.reset();
    let retryInMs: number;
    switch (close?.next) {
      case 'wait_hour':
        retryInMs = this.#anHour();
        break;
      case 'stop':
        retryInMs = this.#backoff.slow();
        break;
      case 'authenticate':
        this.#token = undefined;
        retryInMs = this.#backoff.next();
        break;
      case 'reconnect':
      case undefined:
        retryInMs = this.#backoff.next();
    }
    const detail = close?.reason ?? 'the connection broke';
    this.#tell({
      stage: end.wasLive ? 'live' : 'connect',
      status: 0,
      closeCode: end.code,
      code: undefined,
      detail,
      retryInMs,
    });
    return retryInMs;
  }

  /** How long to wait after a refusal. A disabled door or a banned key is not cured by asking again soon. */
  #report(stage: Trouble['stage'], refusal: Refusal): number {
    const { status, code, detail, retryAfterMs } = refusal;
    const lasting = code === 'door_disabled' || code === 'key_banned';
    const retryInMs = lasting ? this.#anHour() : Math.max(this.#backoff.next(), Math.min(retryAfterMs ?? 0, HOUR_MS));
    this.#tell({ stage, status, closeCode: 0, code, detail, retryInMs });
    return retryInMs;
  }

  /** Jitter on top, so that a fleet that was disabled together does not return in one second. */
  #anHour(): number {
    return HOUR_MS + this.#tools.random.fraction() * 60_000;
  }

  #tell(trouble: Trouble): void {
    if (!this.#stopped && !this.#renewed) this.#host.trouble(trouble);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      this.#wake = () => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
      cancel = this.#tools.time.after(ms, this.#wake);
    });
  }
}
