/**
 * The door behind the façade: what it remembers, decides and says. {@link SimulatedDoor} is its public face. A long file of short
 * members: the one object that a session and a command are both handed, while what it does is done by the parts beside it.
 */
import type { ConfigureParams } from '../protocol/command-body.js';
import type { HelloFrame } from '../protocol/door-frames.js';
import type { DoorState, EventData, EventKind } from '../protocol/door-state.js';
import type { UpdateOfferFrame } from '../protocol/update-frames.js';
import type { RandomSource, TimeSource } from './ambient.js';
import { powerUp, type Boot, type BootSettings } from './boot.js';
import type { Challenges } from './challenges.js';
import { CommandQueue } from './command-queue.js';
import type { ActOutcome } from './commands/acts.js';
import { runCommand, type CommandDoor, type CommandEnd } from './commands/pipeline.js';
import type { CommandFrame, WelcomeFrame } from './connection.js';
import { CredentialGuard } from './credential-guard.js';
import type { DoorClock } from './door-clock.js';
import { FailSafe } from './fail-safe.js';
import { DoorIdentity } from './identity.js';
import { LockModel } from './lock-model.js';
import type { DoorMemory } from './memory.js';
import { Outbox } from './outbox.js';
import { Probation } from './probation.js';
import type { ReplayGuard } from './replay-guard.js';
import { DoorSession, type SessionHost, type SessionTools, type Trouble } from './session.js';
import { applyParams, type DoorSettings } from './settings.js';
import type { DoorSignals } from './door-signals.js';
import type { Signals } from './signal.js';
import { DoorUpdates } from './updates/door-updates.js';
import type { UpdateOptions } from './updates/options.js';
import { updateHost } from './updates/update-host.js';
import { factoryMemory, type RunningFirmware } from './updates/update-memory.js';

/** Ids of accepted commands kept over a power cut (protocol 6.6). */
const RECENT_IDS = 32;

export interface CoreParts extends SessionTools, BootSettings {
  readonly memory: DoorMemory;
  readonly identity: DoorIdentity;
  /** The image it was built with; an update that was kept takes its place. */
  readonly firmware: RunningFirmware;
  readonly updates: UpdateOptions;
  readonly signals: Signals<DoorSignals>;
  /** What every command is answered with, unread; `undefined`: commands are opened and obeyed. */
  readonly blindAnswer: CommandEnd | undefined;
  readonly makeKey: () => Promise<DoorIdentity>;
  readonly canJoin: (settings: DoorSettings) => boolean;
}

export class DoorCore implements SessionHost, CommandDoor {
  readonly lock: LockModel;
  readonly credentials: CredentialGuard;
  readonly session: DoorSession;
  readonly random: RandomSource;
  readonly updates: DoorUpdates;
  identity: DoorIdentity;
  nextIdentity: DoorIdentity | undefined;
  received = 0;
  readonly #parts: CoreParts;
  readonly #time: TimeSource;
  readonly #outbox: Outbox;
  readonly #failSafe: FailSafe;
  readonly #probation: Probation;
  readonly #queue = new CommandQueue();
  #boot: Boot;
  #lastCommand: { at: number; status: number } | undefined;

  constructor(parts: CoreParts) {
    const { time, memory } = parts;
    this.#parts = parts;
    this.#time = time;
    this.random = parts.random;
    this.identity = parts.identity;
    this.nextIdentity = memory.state.nextKey === undefined ? undefined : DoorIdentity.fromPem(memory.state.nextKey);
    this.lock = new LockModel(time, { event: (kind) => this.#lockMoved(kind) });
    this.credentials = new CredentialGuard(time, memory.state.guard);
    this.#failSafe = new FailSafe(time, this.lock, (kind) => this.event(kind));
    this.#outbox = new Outbox(time);
    this.#probation = new Probation(time, memory, {
      event: (kind, data) => this.event(kind, data),
      restart: () => this.restart(),
      save: (...change) => this.#save(...change),
    });
    this.updates = new DoorUpdates(
      updateHost(this, memory, parts.signals),
      time,
      memory.state.update ?? factoryMemory(parts.firmware),
      parts.updates,
    );
    this.#boot = this.#bootNow();
    this.session = new DoorSession(this, parts);
  }

  get settings(): DoorSettings {
    return this.#parts.memory.state.settings;
  }
  get doorId(): string {
    return this.settings.doorId;
  }
  /** The image that runs. */
  get firmware(): RunningFirmware {
    return this.updates.running;
  }
  get clock(): DoorClock {
    return this.#boot.clock;
  }
  get replay(): ReplayGuard {
    return this.#boot.replay;
  }
  get challenges(): Challenges {
    return this.#boot.challenges;
  }
  get bootId(): string {
    return this.#boot.id;
  }
  get duplicates(): number {
    return this.#queue.duplicates;
  }
  get epoch(): number {
    return this.#parts.memory.state.epoch;
  }

  /** Power on. */
  start(): void {
    this.updates.boot();
    this.#afterBoot();
    this.session.start();
  }

  /** Closes the socket in order and lets every timer go. */
  async stop(): Promise<void> {
    this.updates.stop();
    await this.session.stop();
    this.#probation.stop();
    this.#failSafe.stop();
    this.lock.reset();
    this.clock.stop();
    this.#outbox.clear();
  }

  // --- what the connection asks and tells (SessionHost)

  hello(): HelloFrame {
    const { version, board, securityVersion } = this.firmware;
    return { t: 'hello', boot: this.#boot.id, epoch: this.epoch, firmware: { version, board, securityVersion } };
  }

  networkUp(): boolean {
    return this.updates.networkUp && this.#parts.canJoin(this.settings);
  }

  async adoptNextKey(): Promise<void> {
    if (this.nextIdentity === undefined) return;
    this.identity = this.nextIdentity;
    this.nextIdentity = undefined;
    await this.#parts.memory.update({ key: this.identity.privatePem }, ['nextKey']);
  }

  welcomed(frame: WelcomeFrame): void {
    this.#save({ epoch: frame.epoch });
    this.clock.relay(frame.time);
    this.#failSafe.online();
    this.#probation.welcomed();
    const { connection } = this.session;
    this.#outbox.attach((out, lost) => connection?.send(out, lost));
    connection?.send({ t: 'status', state: this.describe() });
    this.updates.welcomed();
    this.#parts.signals.emit('live', { epoch: frame.epoch });
  }

  relayTime(unixMs: number): void {
    this.clock.relay(unixMs);
  }

  lost(): void {
    this.#outbox.detach();
    this.updates.lost();
    this.#failSafe.offline(this.settings);
    this.#parts.signals.emit('offline', undefined);
  }

  trouble(trouble: Trouble): void {
    this.#parts.signals.emit('trouble', trouble);
  }

  statusAsked(id: string): void {
    this.session.connection?.send({ t: 'status', id, state: this.describe() });
  }

  challengeAsked(id: string): void {
    this.session.connection?.send({ t: 'challenge', id, challenge: this.challenges.make() });
  }

  updateOffered(frame: UpdateOfferFrame): void {
    this.updates.offered(frame);
  }

  updateBlock(frame: Uint8Array): boolean {
    return this.updates.block(frame);
  }

  command(frame: CommandFrame): void {
    const boot = this.#boot;
    const taken = this.#queue.offer(frame.id, async () => {
      if (boot === this.#boot) await this.#execute(frame, boot);
    });
    if (!taken) this.#outbox.result({ t: 'result', id: frame.id, status: 400 });
  }

  // --- what commands do (CommandDoor)

  describe(): DoorState {
    const mode = this.credentials.lockedOut ? 'lockout' : this.#failSafe.active ? 'fail_safe' : 'normal';
    return {
      ...this.lock.reading(),
      mode,
      clock: this.clock.unsure ? 'unsure' : 'sure',
      uptimeMs: Math.round(this.#time.monotonic() - this.#boot.startedAt),
      ...(this.#lastCommand !== undefined && { lastCommand: this.#lastCommand }),
    };
  }

  event(kind: EventKind, data?: EventData): void {
    this.#boot.seq += 1;
    const at = Math.round(this.clock.now());
    this.#outbox.event({ t: 'event', seq: this.#boot.seq, kind, at, ...(data !== undefined && { data }) });
    this.#parts.signals.emit('event', { kind, at, ...(data !== undefined && { data }) });
  }

  persistAccepted(jti: string, iat: number | undefined): Promise<void> | void {
    const { mark, recent = [] } = this.#parts.memory.state;
    return this.#parts.memory.update({
      mark: Math.max(mark, iat ?? 0),
      recent: [...recent.slice(1 - RECENT_IDS), jti],
    });
  }

  persistGuard(): Promise<void> | void {
    return this.#parts.memory.update({ guard: this.credentials.memory() });
  }

  noteCommand(status: 200 | 400): void {
    this.#lastCommand = { at: Math.round(this.clock.now()), status };
  }

  async configure(params: ConfigureParams): Promise<ActOutcome> {
    const { settings, critical } = applyParams(this.settings, params);
    if (!critical) {
      await this.#parts.memory.update({ settings });
      this.event('configured', { outcome: 'kept' });
      return {};
    }
    await this.#probation.begin(settings);
    return { afterwards: () => this.restart() };
  }

  async makeNextKey(): Promise<string> {
    const next = await this.#parts.makeKey();
    await this.#parts.memory.update({ nextKey: next.privatePem });
    this.nextIdentity = next;
    return next.kid;
  }

  registerAgain(): void {
    this.session.renew();
  }

  /** Power off and on: locked first, memory gone, a new boot. */
  restart(): void {
    this.lock.reset();
    this.clock.stop();
    this.#outbox.clear();
    this.updates.boot();
    this.#boot = this.#bootNow();
    this.#afterBoot();
    this.session.renew();
  }

  // --- inside

  #bootNow(): Boot {
    const becameUnsure = (): void => this.event('clock_unsure');
    return powerUp(this.#time, this.random, this.#parts.memory.state, this.#parts, becameUnsure);
  }

  #afterBoot(): void {
    this.event('boot');
    this.#failSafe.offline(this.settings);
    this.#probation.boot();
  }

  async #execute(frame: CommandFrame, boot: Boot): Promise<void> {
    const end = this.#parts.blindAnswer ?? (await this.#obey(frame));
    this.received += 1;
    if (boot !== this.#boot) return; // the power went while it was at work
    const { status, refusal, receipt } = end;
    this.#outbox.result({
      t: 'result',
      id: frame.id,
      status,
      ...(refusal !== undefined && { refusal }),
      ...(receipt !== undefined && { receipt }),
    });
    end.afterwards?.();
  }

  async #obey(frame: CommandFrame): Promise<CommandEnd> {
    let end: CommandEnd;
    try {
      end = await runCommand(frame.jwe, frame.deadline, this);
    } catch {
      return { status: 400 }; // the store failed on the way: nothing was done
    }
    const at = Math.round(this.clock.now());
    if (end.executed !== undefined) this.#parts.signals.emit('execution', { ...end.executed, commandId: frame.id, at });
    this.#parts.signals.emit('command', { commandId: frame.id, status: end.status, code: end.code });
    return end;
  }

  #lockMoved(kind: EventKind): void {
    this.event(kind);
    const state = this.describe();
    this.session.connection?.send({ t: 'status', state });
    this.#parts.signals.emit('state', state);
  }

  /** For changes that nobody waits for. */
  #save(...change: Parameters<DoorMemory['update']>): void {
    void Promise.resolve(this.#parts.memory.update(...change)).catch((error: unknown) => {
      this.#parts.signals.emit('fault', { error });
    });
  }
}
