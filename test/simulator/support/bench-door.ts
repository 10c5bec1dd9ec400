import type { ConfigureParams } from '../../../src/protocol/command-body.js';
import type { DoorState, EventKind } from '../../../src/protocol/door-state.js';
import { systemRandom, type RandomSource } from '../../../src/simulator/ambient.js';
import type { ActOutcome } from '../../../src/simulator/commands/acts.js';
import type { CommandDoor } from '../../../src/simulator/commands/pipeline.js';
import { CredentialGuard } from '../../../src/simulator/credential-guard.js';
import { Challenges } from '../../../src/simulator/challenges.js';
import { DoorClock, type SntpSource } from '../../../src/simulator/door-clock.js';
import type { DoorIdentity } from '../../../src/simulator/identity.js';
import { LockModel } from '../../../src/simulator/lock-model.js';
import { ReplayGuard } from '../../../src/simulator/replay-guard.js';
import { applyParams, DEFAULT_SETTINGS, type DoorSettings } from '../../../src/simulator/settings.js';
import type { FakeTime } from './fake-time.js';

/** A door on the bench: the real guards around the command pipeline, without network, store or boot. */
export class BenchDoor implements CommandDoor {
  /** Taken instead of random bytes, one at a time. */
  readonly chosenBytes: Buffer[] = [];
  readonly random: RandomSource = {
    ...systemRandom,
    bytes: (length) => this.chosenBytes.shift() ?? systemRandom.bytes(length),
  };
  readonly events: EventKind[] = [];
  readonly done: string[] = [];
  readonly lock: LockModel;
  readonly clock: DoorClock;
  readonly credentials: CredentialGuard;
  replay: ReplayGuard;
  readonly challenges: Challenges;
  settings: DoorSettings;
  mark: number;
  recent: readonly string[];
  /** Makes saving the mark fail. */
  storeBroken = false;
  failing = false;

  constructor(
    readonly identity: DoorIdentity,
    time: FakeTime,
    options: {
      readonly doorId: string;
      readonly password: string;
      readonly capacity?: number;
      readonly bootMark?: number;
      readonly recent?: readonly string[];
      readonly sntp?: SntpSource;
    },
  ) {
    this.settings = {
      ...DEFAULT_SETTINGS,
      doorId: options.doorId,
      doorPassword: options.password,
      serverAddress: 'https://relay.example',
    };
    this.lock = new LockModel(time, { event: (kind) => this.event(kind) });
    const bootMark = options.bootMark ?? 0;
    this.mark = bootMark;
    this.recent = options.recent ?? [];
    const sntp = options.sntp ?? ((): number => time.now());
    this.clock = new DoorClock(time, bootMark, sntp, () => this.event('clock_unsure'));
    this.clock.relay(time.now());
    this.challenges = new Challenges(time, this.random);
    this.credentials = new CredentialGuard(time, { bad: 0, lockOuts: 0, locked: false });
    this.replay = new ReplayGuard(this.clock, time, bootMark, this.recent, options.capacity ?? 64);
  }

  /** The owner clears the mark on the serial console: the ring stays. */
  clearMark(time: FakeTime): void {
    this.mark = 0;
    this.replay = new ReplayGuard(this.clock, time, 0, this.recent, 64);
  }

  describe(): DoorState {
    return {
      ...this.lock.reading(),
      clock: this.clock.unsure ? 'unsure' : 'sure',
      mode: this.credentials.lockedOut ? 'lockout' : 'normal',
    };
  }

  event(kind: EventKind): void {
    this.events.push(kind);
  }

  persistAccepted(jti: string, iat: number | undefined): Promise<void> {
    if (this.storeBroken) return Promise.reject(new Error('disk full'));
    // The bolt must not have moved before the mark is safe.
    this.done.push(`mark with lock ${this.lock.lock}`);
    this.mark = Math.max(this.mark, iat ?? 0);
    this.recent = [...this.recent, jti];
    return Promise.resolve();
  }

  persistGuard(): void {
    this.done.push('guard');
  }

  noteCommand(status: 200 | 400): void {
    this.done.push(`note ${status}`);
  }

  configure(params: ConfigureParams): Promise<ActOutcome> {
    if (this.failing) return Promise.reject(new Error('flash worn out'));
    this.settings = applyParams(this.settings, params).settings;
    return Promise.resolve({});
  }

  makeNextKey(): Promise<string> {
    return Promise.resolve(this.identity.kid);
  }

  restart(): void {
    this.done.push('restart');
  }

  registerAgain(): void {
    this.done.push('register again');
  }
}
