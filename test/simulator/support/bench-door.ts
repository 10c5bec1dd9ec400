import type { ConfigureParams } from '../../../src/protocol/command-body.js';
import type { DoorState, EventKind } from '../../../src/protocol/door-state.js';
import { systemRandom } from '../../../src/simulator/ambient.js';
import type { ActOutcome } from '../../../src/simulator/commands/acts.js';
import type { CommandDoor } from '../../../src/simulator/commands/pipeline.js';
import { CredentialGuard } from '../../../src/simulator/credential-guard.js';
import { DoorClock } from '../../../src/simulator/door-clock.js';
import type { DoorIdentity } from '../../../src/simulator/identity.js';
import { LockModel } from '../../../src/simulator/lock-model.js';
import { ReplayGuard } from '../../../src/simulator/replay-guard.js';
import { applyParams, DEFAULT_SETTINGS, type DoorSettings } from '../../../src/simulator/settings.js';
import type { FakeTime } from './fake-time.js';

/** A door on the bench: the real guards around the command pipeline, without network, store or boot. */
export class BenchDoor implements CommandDoor {
  readonly random = systemRandom;
  readonly events: EventKind[] = [];
  readonly done: string[] = [];
  readonly lock: LockModel;
  readonly clock: DoorClock;
  readonly credentials: CredentialGuard;
  readonly replay: ReplayGuard;
  settings: DoorSettings;
  mark = 0;
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
    },
  ) {
    this.settings = {
      ...DEFAULT_SETTINGS,
      doorId: options.doorId,
      doorPassword: options.password,
      serverAddress: 'https://relay.example',
    };
    this.lock = new LockModel(time, { event: (kind) => this.event(kind) });
    this.clock = new DoorClock(time, options.bootMark ?? 0);
    this.clock.sntp(time.now());
    this.credentials = new CredentialGuard(time, { bad: 0, lockOuts: 0, locked: false });
    this.replay = new ReplayGuard(this.clock, options.bootMark ?? 0, options.capacity ?? 16);
  }

  describe(): DoorState {
    return { ...this.lock.reading(), mode: this.credentials.lockedOut ? 'lockout' : 'normal' };
  }

  event(kind: EventKind): void {
    this.events.push(kind);
  }

  persistMark(iat: number): Promise<void> {
    if (this.storeBroken) return Promise.reject(new Error('disk full'));
    // The bolt must not have moved before the mark is safe.
    this.done.push(`mark with lock ${this.lock.lock}`);
    this.mark = Math.max(this.mark, iat);
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
