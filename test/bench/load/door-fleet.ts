/**
 * Doors that cost next to nothing: they speak the socket of protocol 5, answer every command with the same receipt at once,
 * and decrypt nothing. Relays are compared, not doors; every lane has these.
 */
import { createSecureContext, type SecureContext } from 'node:tls';

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
  readonly receipt: string;
}

const RETRY_MS = 100;
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

export class DoorFleet {
  readonly #settings: FleetSettings;
  readonly #context: SecureContext;
  readonly #gate: Gate;
  readonly #live = new Map<string, WebSocket>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #whenAll: (() => void)[] = [];
  #slice = 0;
  /** Monotonic milliseconds since which this fleet has been silent on request. */
  #quietSince: number | undefined;
  #stopped = false;
  /** Unix milliseconds at which the last missing door was welcomed. */
  #completeAt = 0;

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
    for (const doorId of this.#settings.doorIds) void this.#keep(doorId);
    await this.complete();
  }

  /** Resolves once every door is welcomed (again), with the Unix time of the last. */
  async complete(): Promise<number> {
    if (this.size < this.#settings.doorIds.length) await new Promise<void>((resolve) => this.#whenAll.push(resolve));
    return this.#completeAt;
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

  async #keep(doorId: string): Promise<void> {
    while (!this.#stopped) {
      const socket = await this.#gate.run(() => this.#dialOrPause(doorId));
      if (socket === undefined) continue;
      this.#welcomed(doorId, socket);
      await new Promise((resolve) => socket.once('close', resolve));
      this.#live.delete(doorId);
      if (!this.#settings.returns) return;
    }
  }

  #welcomed(doorId: string, socket: WebSocket): void {
    this.#live.set(doorId, socket);
    if (this.size < this.#settings.doorIds.length) return;
    this.#completeAt = Date.now();
    for (const resolve of this.#whenAll.splice(0)) resolve();
  }

  /** Pauses within the gate, so that a relay that is away is tried a few hundred times a second, not as fast as it refuses. */
  async #dialOrPause(doorId: string): Promise<WebSocket | undefined> {
    const socket = await this.#dial(doorId);
    if (socket === undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return socket;
  }

  /** A full TLS handshake, the upgrade, hello and welcome; `undefined` when anything of it fails. */
  #dial(doorId: string): Promise<WebSocket | undefined> {
    const options = {
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
