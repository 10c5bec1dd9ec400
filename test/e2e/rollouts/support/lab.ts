/** A fleet for rollouts: real Redis, real relays, simulated doors, and the operator's side of the store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DoorAdmin } from '../../../../src/operators/doors.js';
import type { StartRequest } from '../../../../src/operators/rollouts.js';
import type { DoorView, RolloutView } from '../../../../src/operators/rollout-view.js';
import { OpenLockError } from '../../../../src/protocol/problem.js';
import type { RolloutState } from '../../../../src/store/rollout-records.js';
import { SimulatedDoor, type SimulatedDoorOptions } from '../../../../src/simulator/door.js';
import type { DoorIdentity } from '../../../../src/simulator/identity.js';
import { MemoryStore } from '../../../../src/simulator/store.js';
import { RelayTransport } from '../../../../src/simulator/transport.js';
import type { UpdateOptions } from '../../../../src/simulator/updates/options.js';
import { testIdentity } from '../../../simulator/support/keys.js';
import {
  makeRelease,
  makeReleaseKey,
  type ReleaseKey,
  type ReleaseRequest,
  type TestRelease,
} from '../../../support/releases.js';
import { startTestRedis, type TestRedis } from '../../../support/redis.js';
import { doorAdmin } from '../../../support/relay.js';
import { UpdateOperator } from '../../../support/updates.js';
import type { Reachable } from '../../support/relay-process.js';
import { Watched } from './watched.js';

export const PASSWORD = 'correct horse battery';
export const BOARD = 'simulator';

/** A fiftieth of the jitter: the rules stay, tests are quicker. */
export const quick = {
  bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
  fraction: () => Math.random() / 50,
};

export interface DoorSetting extends Partial<SimulatedDoorOptions> {
  readonly update?: Partial<UpdateOptions>;
  readonly relay?: Reachable;
}

export class RolloutLab {
  readonly key: ReleaseKey = makeReleaseKey();
  readonly secretsDir = mkdtempSync(join(tmpdir(), 'openlock-secrets-'));
  readonly doors = new Map<string, Watched>();
  readonly #transport = new RelayTransport(8);
  readonly #stores = new Map<string, MemoryStore>();
  #made = 0;

  private constructor(
    readonly redis: TestRedis,
    readonly admin: DoorAdmin,
    readonly operator: UpdateOperator,
    readonly identity: DoorIdentity,
  ) {}

  /** `server`: a redis-server with other settings; it ends with the lab. */
  static async open(server?: TestRedis): Promise<RolloutLab> {
    const redis = server ?? (await startTestRedis());
    const link = await redis.link('openlock-cli');
    return new RolloutLab(redis, doorAdmin(link), new UpdateOperator(link), await testIdentity());
  }

  /** Once a relay has loaded the functions. */
  async trustKey(): Promise<void> {
    await this.operator.releases.trust(this.key.pem);
  }

  /** Doors and rollouts of one test; the next has others. */
  async stopDoors(): Promise<void> {
    for (const { rolloutId, state } of await this.operator.rollouts.list()) {
      if (state === 'running' || state === 'paused')
        await this.operator.rollouts.cancel(rolloutId).catch(() => undefined);
    }
    const ids = [...this.doors.keys()];
    await Promise.all([...this.doors.values()].map(({ door }) => door.stop()));
    this.doors.clear();
    await Promise.all(ids.map((id) => this.admin.remove(id).catch(() => undefined)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.doors.values()].map(({ door }) => door.stop()));
    this.#transport.close();
    await this.redis.stop();
    rmSync(this.secretsDir, { recursive: true, force: true });
  }

  /** A door that runs 1.0.0, live on `relay`. */
  async addDoor(relay: Reachable, setting: DoorSetting = {}): Promise<Watched> {
    this.#made += 1;
    const doorId = setting.doorId ?? `door-${String(this.#made).padStart(3, '0')}`;
    const { enrolmentToken } = await this.admin.add(doorId, {});
    return this.connect(relay, doorId, { ...setting, enrolmentToken });
  }

  addDoors(
    relay: Reachable,
    count: number,
    setting: (index: number) => DoorSetting = () => ({}),
  ): Promise<readonly Watched[]> {
    return Promise.all(Array.from({ length: count }, (_, index) => this.addDoor(relay, setting(index))));
  }

  /** The same door again, with what its store kept, if it was stopped before. */
  async connect(relay: Reachable, doorId: string, { update, ...options }: DoorSetting = {}): Promise<Watched> {
    const store = this.#stores.get(doorId) ?? new MemoryStore();
    this.#stores.set(doorId, store);
    const door = new SimulatedDoor({
      doorId,
      relayUrl: relay.url,
      ca: relay.ca,
      password: PASSWORD,
      keyPair: this.identity,
      transport: this.#transport,
      store,
      firmware: { version: '1.0.0', board: BOARD, securityVersion: 1 },
      updates: { releaseKeys: [this.key.pem], keepImage: true, ...update },
      ...options,
    });
    const watched = new Watched(door);
    this.doors.set(doorId, watched);
    await door.start();
    return watched;
  }

  release(version: string, over: Partial<ReleaseRequest> = {}): TestRelease {
    return makeRelease({ key: this.key, version, board: BOARD, securityVersion: 1, ...over });
  }

  /** A release that is published. */
  async published(version: string, over: Partial<ReleaseRequest> = {}): Promise<TestRelease> {
    const release = this.release(version, over);
    await this.operator.publish(release);
    return release;
  }

  start(release: TestRelease, over: Partial<StartRequest> = {}): Promise<RolloutView> {
    return this.operator.start(release, over);
  }

  /** Waits until the rollout satisfies `condition`; says how it stands when it does not. */
  async until(rolloutId: string, condition: (view: RolloutView) => boolean, limitMs = 30_000): Promise<RolloutView> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      // A store that is away is waited for.
      const view = await this.operator.rollouts.status(rolloutId).catch((error: unknown) => {
        if (error instanceof OpenLockError && error.code === 'store_unavailable') return undefined;
        throw error;
      });
      if (view !== undefined && condition(view)) return view;
      if (Date.now() > deadline)
        throw new Error(
          `not so within ${limitMs} ms: ${condition.toString()}; ${JSON.stringify({ ...view, doors: view?.doors.map(({ doorId, state, code, stage }) => [doorId, state, code, stage]) })}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  ended(rolloutId: string, state: RolloutState, limitMs?: number): Promise<RolloutView> {
    return this.until(rolloutId, (view) => view.state === state, limitMs);
  }
}

/** How one door of a rollout stands. */
export function doorOf(view: RolloutView, doorId: string): DoorView {
  const found = view.doors.find((door) => door.doorId === doorId);
  if (found === undefined) throw new Error(`${doorId} is not in the rollout`);
  return found;
}
