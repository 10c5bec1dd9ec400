/** A door in TypeScript, faithful to protocol 4 to 6: for tests, for the demo, and for load. */
import type { KeyObject } from 'node:crypto';

import type { DoorState } from '../protocol/door-state.js';
import { systemRandom, systemTime, type RandomSource, type TimeSource } from './ambient.js';
import { DoorCore } from './core.js';
import type { SntpSource } from './door-clock.js';
import type { DoorSignals, Execution } from './door-signals.js';
import { DoorIdentity } from './identity.js';
import { DoorMemory } from './memory.js';
import { sealReceipt } from './receipts.js';
import type { Gate, Trouble } from './session.js';
import { DEFAULT_SETTINGS, type DoorSettings } from './settings.js';
import { Signals } from './signal.js';
import { MemoryStore, type DoorStore } from './store.js';
import { RelayTransport } from './transport.js';
import type { UpdateCounts, UpdateOptions } from './updates/options.js';
import type { RunningFirmware } from './updates/update-memory.js';

export interface SimulatedDoorOptions {
  readonly doorId: string;
  /** Origin of the relay, as the door is to call it. */
  readonly relayUrl: string;
  /** Needed until the first registration has succeeded. */
  readonly enrolmentToken?: string;
  /** The door password commands must carry. */
  readonly password: string;
  /** PEM of the authority the relay's certificate must chain to; absent: the public roots. */
  readonly ca?: string;
  /** Absent: a key is made in `start()`, which takes some tenths of a second. */
  readonly keyPair?: DoorIdentity | { readonly privateKey: KeyObject };
  /** Other settings the owner made; see {@link DoorSettings}. */
  readonly settings?: Partial<Pick<DoorSettings, 'failSafe' | 'failSafeAfterMs' | 'autoRelockMs'>>;
  /** What survives a restart; absent: memory. A stored door keeps its key and settings, whatever the options say. */
  readonly store?: DoorStore;
  /** The image it was built with. A stored door that was updated runs what it was updated to. */
  readonly firmware?: RunningFirmware;
  /** Takes firmware updates (protocol 12). Absent: every offer is refused. */
  readonly updates?: UpdateOptions;
  /** Entries of the replay ring; a full one answers `busy`. Default 1024. */
  readonly replayCapacity?: number;
  /** What its time servers answer, at boot and each minute while the clock is unsure. Default: the host's clock. */
  readonly sntp?: SntpSource;
  /**
   * `blind` answers every command 200 with a receipt-sized text, without opening it: for measuring a relay beyond what
   * RSA on this machine allows. Default `faithful`.
   */
  readonly answer?: 'faithful' | 'blind';
  /** True: `start()` rejects, and the door stops, at the first definite refusal (a wrong token, a disabled door, a bad certificate). */
  readonly failFast?: boolean;
  /** Executions kept in {@link SimulatedDoor.executions}. Default 10,000. */
  readonly keepExecutions?: number;
  /** Whether a configured WiFi can be joined. Default: always. */
  readonly canJoin?: (settings: DoorSettings) => boolean;
  /** Makes the key of `rotate_key`. Default: a fresh one. */
  readonly makeKey?: () => Promise<DoorIdentity>;
  readonly transport?: RelayTransport;
  readonly gate?: Gate;
  readonly time?: TimeSource;
  readonly random?: RandomSource;
}

/** `start()` gave up (only with `failFast`). */
export class DoorStartError extends Error {
  override readonly name = 'DoorStartError';
  constructor(readonly trouble: Trouble) {
    super(`${trouble.stage}: ${trouble.detail}`);
  }
}

/** Stages whose refusal will not go away by itself. */
const DEFINITE = new Set([401, 403, 404, 409, 426]);

export class SimulatedDoor {
  readonly #options: SimulatedDoorOptions;
  readonly #signals = new Signals<DoorSignals>();
  readonly #transport: RelayTransport;
  readonly #executions: Execution[] = [];
  #executed = 0;
  #core: DoorCore | undefined;

  constructor(options: SimulatedDoorOptions) {
    this.#options = options;
    this.#transport = options.transport ?? new RelayTransport();
    const keep = options.keepExecutions ?? 10_000;
    this.#signals.on('execution', (execution) => {
      this.#executed += 1;
      this.#executions.push(execution);
      if (this.#executions.length > keep) this.#executions.shift();
    });
  }

  /** Powers on and resolves once the door is live. Goes on trying for ever, unless `failFast` is set or `stop()` is called. */
  async start(): Promise<void> {
    if (this.#core !== undefined) throw new Error('the door has been started');
    const store = this.#options.store ?? new MemoryStore();
    const core = await this.#powerUp(store);
    this.#core = core;
    const live = this.#signals.once('live');
    const refused = this.#options.failFast === true ? this.#firstDefiniteRefusal() : undefined;
    core.start();
    const trouble = await Promise.race([live.then(() => undefined), ...(refused === undefined ? [] : [refused])]);
    if (trouble === undefined) return;
    await this.stop();
    throw new DoorStartError(trouble);
  }

  /** Closes the socket with 1001 and stops trying. */
  async stop(): Promise<void> {
    await this.#core?.stop();
    if (this.#options.transport === undefined) this.#transport.close();
  }

  /** Pulls the plug of the socket; the door notices and comes back by itself. */
  killSocket(): void {
    this.#core?.session.kill();
  }

  /** Power off and on: a new boot, locked, with what the store kept. */
  restart(): void {
    this.#started.restart();
  }

  /** Moves the contact sensor. */
  setContact(contact: 'open' | 'closed'): void {
    this.#started.lock.setContact(contact);
  }

  /** Somebody opened the case. */
  tamper(): void {
    this.#started.event('tamper');
  }

  on<Name extends keyof DoorSignals>(name: Name, listener: (value: DoorSignals[Name]) => void): () => void {
    return this.#signals.on(name, listener);
  }

  once<Name extends keyof DoorSignals>(name: Name): Promise<DoorSignals[Name]> {
    return this.#signals.once(name);
  }

  /** Thumbprint of the current key; known once `start()` has been called and a key was made. */
  get kid(): string {
    return this.#started.identity.kid;
  }
  get doorId(): string {
    return this.#core?.settings.doorId ?? this.#options.doorId;
  }
  get settings(): DoorSettings {
    return this.#started.settings;
  }
  get state(): DoorState {
    return this.#started.describe();
  }
  get live(): boolean {
    return this.#core?.session.connection !== undefined;
  }
  get epoch(): number {
    return this.#started.epoch;
  }
  get boot(): string {
    return this.#started.bootId;
  }
  /** The door's own clock, Unix ms. */
  get now(): number {
    return this.#started.clock.now();
  }
  /** Acts carried out, oldest first, the latest `keepExecutions` of them. */
  get executions(): readonly Execution[] {
    return this.#executions;
  }
  /** Acts carried out, all of them. */
  get executed(): number {
    return this.#executed;
  }
  /** Command frames answered, carried out or not. */
  get received(): number {
    return this.#core?.received ?? 0;
  }
  /** Command frames whose id had come before. */
  get duplicates(): number {
    return this.#core?.duplicates ?? 0;
  }

  /** The image that runs. */
  get firmware(): RunningFirmware {
    return this.#started.firmware;
  }
  get updateCounts(): UpdateCounts {
    return this.#core?.updates.counts ?? { offers: 0, bytes: 0, strays: 0 };
  }
  /** What is in the update slot; only with `updates.keepImage`. */
  get updateImage(): Buffer | undefined {
    return this.#core?.updates.image;
  }

  get #started(): DoorCore {
    if (this.#core === undefined) throw new Error('the door has not been started');
    return this.#core;
  }

  async #powerUp(store: DoorStore): Promise<DoorCore> {
    const options = this.#options;
    const time = options.time ?? systemTime;
    const random = options.random ?? systemRandom;
    const stored = await store.load();
    const identity = stored === undefined ? await this.#firstKey() : DoorIdentity.fromPem(stored.key);
    const settings = { ...DEFAULT_SETTINGS, ...initialSettings(options), ...options.settings };
    const guard = { bad: 0, lockOuts: 0, locked: false };
    const state = stored ?? { version: 1 as const, key: identity.privatePem, mark: 0, epoch: 0, guard, settings };
    const memory = new DoorMemory(store, state);
    if (stored === undefined) await memory.update({});
    return new DoorCore({
      memory,
      identity,
      time,
      random,
      transport: this.#transport,
      ...(options.gate !== undefined && { gate: options.gate }),
      signals: this.#signals,
      firmware: options.firmware ?? { version: '0.1.0', board: 'simulator', securityVersion: 0 },
      updates: options.updates ?? { releaseKeys: [] },
      replayCapacity: options.replayCapacity ?? 1024,
      sntp: options.sntp ?? (() => time.now()),
      blindAnswer:
        options.answer === 'blind' ? { status: 200, receipt: blindReceipt(options.doorId, random) } : undefined,
      makeKey: options.makeKey ?? (() => DoorIdentity.generate()),
      canJoin: options.canJoin ?? (() => true),
    });
  }

  async #firstKey(): Promise<DoorIdentity> {
    const { keyPair } = this.#options;
    if (keyPair === undefined) return DoorIdentity.generate();
    return keyPair instanceof DoorIdentity ? keyPair : new DoorIdentity(keyPair.privateKey);
  }

  #firstDefiniteRefusal(): Promise<Trouble> {
    return new Promise((resolve) => {
      const off = this.#signals.on('trouble', (trouble) => {
        const certificate = trouble.status === 0 && /certificate|self-signed|altname/i.test(trouble.detail);
        if (!DEFINITE.has(trouble.status) && !certificate) return;
        off();
        resolve(trouble);
      });
      void this.#signals.once('live').then(off);
    });
  }
}

function initialSettings(
  options: SimulatedDoorOptions,
): Pick<DoorSettings, 'doorId' | 'serverAddress' | 'doorPassword' | 'caCertificate' | 'enrolmentToken'> &
  Partial<Pick<DoorSettings, 'releaseKeys'>> {
  return {
    doorId: options.doorId,
    serverAddress: new URL(options.relayUrl).origin,
    doorPassword: options.password,
    ...(options.ca !== undefined && { caCertificate: options.ca }),
    ...(options.updates !== undefined && { releaseKeys: options.updates.releaseKeys }),
    ...(options.enrolmentToken !== undefined && { enrolmentToken: options.enrolmentToken }),
  };
}

/** A receipt as long as a real one, under a key nobody has. */
function blindReceipt(door: string, random: RandomSource): string {
  const jti = random.bytes(16).toString('base64url');
  return sealReceipt(
    { jti, door, status: 200, code: 'ok', at: 0, state: { lock: 'unlocked', mode: 'normal' } },
    random.bytes(32),
    random,
  );
}
