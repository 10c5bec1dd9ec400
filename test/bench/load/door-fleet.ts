/**
 * Doors that cost next to nothing: they speak the socket of protocol 5, answer every command with the same receipt at once,
 * and decrypt nothing. Relays are compared, not doors; every lane has these.
 */
import type { ClientRequest } from 'node:http';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';

import { WebSocket, type RawData } from 'ws';

import { sessionTokenOf } from './door-names.js';
import { Gate } from './gate.js';

export interface FleetSettings {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly doorIds: readonly string[];
  /** Handshakes at once. */
  readonly connecting: number;
  /** Comes back by itself when the relay goes away. */
  readonly returns: boolean;
  /** Each door has an address of its own, as in life: the limits of protocol 8.4 are an address's. */
  readonly ownAddresses: boolean;
  readonly receipt: string;
}

/** How doors come back. */
export interface ReturnPlan {
  /** `at once`: as many at a time as may connect. Else full jitter (protocol 5.6), whose ceiling begins here, in milliseconds. */
  readonly wait: 'at once' | number;
  /** Resumes its last TLS session instead of a handshake in full. */
  readonly resumes: boolean;
}

/** A fleet that is whole again. */
export interface FleetReturn {
  readonly atUnixMs: number;
  /** When 99 of 100 were. */
  readonly mostAtUnixMs: number;
  /** Doors whose TLS session was resumed. */
  readonly resumed: number;
}

const RETRY_MS = 100;
/** Protocol 5.6. */
const JITTER_LEAST_MS = 500;
const JITTER_MOST_MS = 60_000;
/** Protocol 5.5 wants one keep-alive in ten seconds; each second a tenth of the fleet sends its own. */
const KEEP_ALIVE_SLICES = 10;
/** Silence a relay puts up with for certain. */
const QUIET_MS = 15_000;
const HELLO = JSON.stringify({
  t: 'hello',
  boot: 'bench',
  epoch: 0,
  firmware: { version: '1.0.0', board: 'bench', securityVersion: 1 },
});

interface Door {
  readonly doorId: string;
  readonly address: string;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Of 127.0.0.0/8, all of which is this machine: one for each of 65,024 doors. */
const addressOf = (index: number): string => `127.1.${Math.floor(index / 254) % 256}.${(index % 254) + 1}`;

export class DoorFleet {
  readonly #settings: FleetSettings;
  readonly #context: SecureContext;
  readonly #gate: Gate;
  readonly #live = new Map<string, WebSocket>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #whenAll: (() => void)[] = [];
  /** The last TLS session of each door, kept once it is to be resumed. */
  readonly #sessions = new Map<string, Buffer>();
  #return: ReturnPlan = { wait: 'at once', resumes: false };
  /** Doors whose present connection resumed one. */
  readonly #resumed = new Set<string>();
  #answeredKeepAlives = 0;
  #slice = 0;
  /** Monotonic milliseconds since which this fleet has been silent on request. */
  #quietSince: number | undefined;
  #stopped = false;
  /** Unix milliseconds at which the last missing door was welcomed. */
  #completeAt = 0;
  /** The same of the last but one in a hundred; 0: not yet. */
  #mostAt = 0;

  constructor(settings: FleetSettings) {
    this.#settings = settings;
    this.#context = createSecureContext({ ca: settings.ca });
    this.#gate = new Gate(settings.connecting);
    this.#keepAlive = setInterval(() => this.#tick(), 1000);
  }

  get size(): number {
    return this.#live.size;
  }

  /** Dials all doors; resolves once each is welcomed. */
  async connect(): Promise<void> {
    this.#settings.doorIds.forEach((doorId, index) => void this.#keep({ doorId, address: addressOf(index) }));
    await this.complete();
  }

  /** Resolves once every door is welcomed (again). */
  async complete(): Promise<FleetReturn> {
    if (this.size < this.#settings.doorIds.length) await new Promise<void>((resolve) => this.#whenAll.push(resolve));
    return { atUnixMs: this.#completeAt, mostAtUnixMs: this.#mostAt, resumed: this.#resumed.size };
  }

  setReturn(plan: ReturnPlan): void {
    this.#return = plan;
    this.#resumed.clear();
    this.#mostAt = 0;
  }

  /** Each door sends `each`, `gapMs` apart; resolves when all are answered. */
  async sendKeepAlives(each: number, gapMs: number): Promise<void> {
    const wanted = this.#answeredKeepAlives + each * this.size;
    for (let sent = 0; sent < each; sent += 1) {
      this.#sendKeepAlives(() => true);
      await sleep(gapMs);
    }
    while (this.#answeredKeepAlives < wanted) await sleep(1);
  }

  /**
   * While another fleet is measured, this one is silent. All its doors are heard once before, since most of them were not
   * in the seconds of their own turn, and again should the others take long: after 30 s the relay would close them (protocol 5.5).
   */
  setQuiet(quiet: boolean): void {
    if (quiet === (this.#quietSince !== undefined)) return;
    this.#quietSince = quiet ? performance.now() : undefined;
    if (quiet) this.#sendKeepAlives(() => true);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#keepAlive);
    for (const socket of this.#live.values()) socket.terminate();
  }

  async #keep(door: Door): Promise<void> {
    while (!this.#stopped) {
      const socket = await this.#comeBack(door);
      if (socket === undefined) continue;
      this.#welcomed(door.doorId, socket);
      await new Promise((resolve) => socket.once('close', resolve));
      this.#live.delete(door.doorId);
      if (!this.#settings.returns) return;
    }
  }

  async #comeBack(door: Door): Promise<WebSocket | undefined> {
    const { wait } = this.#return;
    if (wait === 'at once') return this.#gate.run(() => this.#dialOrPause(door));
    for (let ceilingMs = wait; !this.#stopped; ceilingMs = Math.min(JITTER_MOST_MS, ceilingMs * 2)) {
      await sleep(JITTER_LEAST_MS + Math.random() * (ceilingMs - JITTER_LEAST_MS));
      const socket = await this.#dial(door);
      if (socket !== undefined) return socket;
    }
    return undefined;
  }

  #welcomed(doorId: string, socket: WebSocket): void {
    this.#live.set(doorId, socket);
    if (this.#mostAt === 0 && this.size >= this.#settings.doorIds.length * 0.99) this.#mostAt = Date.now();
    if (this.size < this.#settings.doorIds.length) return;
    this.#completeAt = Date.now();
    for (const resolve of this.#whenAll.splice(0)) resolve();
  }

  /** Pauses within the gate, so that a relay that is away is tried a few hundred times a second, not as fast as it refuses. */
  async #dialOrPause(door: Door): Promise<WebSocket | undefined> {
    const socket = await this.#dial(door);
    if (socket === undefined) await sleep(RETRY_MS);
    return socket;
  }

  /** A TLS handshake, the upgrade, hello and welcome; `undefined` when anything of it fails. */
  #dial({ doorId, address }: Door): Promise<WebSocket | undefined> {
    const session = this.#return.resumes ? this.#sessions.get(doorId) : undefined;
    const options = {
      ...(this.#settings.ownAddresses && { localAddress: address }),
      ...(session !== undefined && { session }),
      finishRequest: (request: ClientRequest) => {
        request.once('socket', (socket) => this.#watchSession(doorId, socket as TLSSocket));
        request.end();
      },
      headers: { authorization: `Bearer ${sessionTokenOf(doorId)}`, 'x-openlock-door': doorId },
      secureContext: this.#context,
      perMessageDeflate: false,
      handshakeTimeout: 20_000,
      // A name that is both IPv4 and IPv6 would cost a second attempt a door.
      family: 4,
    };
    const socket = new WebSocket(
      `wss://localhost:${this.#settings.port}/v1/devices/socket`,
      ['openlock.door.v1'],
      options,
    );
    return new Promise((resolve) => {
      socket.on('open', () => socket.send(HELLO));
      socket.on('message', (data) => this.#receive(socket, data, () => resolve(socket)));
      socket.on('error', () => undefined);
      socket.once('close', () => resolve(undefined));
    });
  }

  #watchSession(doorId: string, socket: TLSSocket): void {
    if (!this.#settings.returns) return;
    socket.on('session', (session: Buffer) => this.#sessions.set(doorId, session));
    socket.once('secureConnect', () => {
      if (socket.isSessionReused()) this.#resumed.add(doorId);
      else this.#resumed.delete(doorId);
    });
  }

  #receive(socket: WebSocket, data: RawData, welcomed: () => void): void {
    const frame = JSON.parse((data as Buffer).toString()) as {
      readonly t: string;
      readonly id?: string;
      readonly ref?: string;
    };
    // The relay without checks passes the client's frame on as it is: its reference is the id then.
    if (frame.t === 'command')
      socket.send(
        `{"t":"result","id":"${frame.id ?? frame.ref ?? ''}","status":200,"receipt":"${this.#settings.receipt}"}`,
      );
    else if (frame.t === 'welcome') welcomed();
    else if (frame.t === 'keepalive') this.#answeredKeepAlives += 1;
  }

  #tick(): void {
    this.#slice = (this.#slice + 1) % KEEP_ALIVE_SLICES;
    if (this.#quietSince === undefined)
      return this.#sendKeepAlives((index) => index % KEEP_ALIVE_SLICES === this.#slice);
    if (performance.now() - this.#quietSince < QUIET_MS) return;
    this.#quietSince = performance.now();
    this.#sendKeepAlives(() => true);
  }

  #sendKeepAlives(whose: (index: number) => boolean): void {
    let index = 0;
    for (const socket of this.#live.values()) {
      if (whose(index) && socket.readyState === socket.OPEN) socket.send('{"t":"keepalive"}');
      index += 1;
    }
  }
}
