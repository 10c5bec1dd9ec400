/** Relay, site and virtual door, wired up as in the field: what most of these suites need. */
import { rmSync } from 'node:fs';

import { startTestRedis, type TestRedis } from '../../../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../../../support/relay.js';
import { sdkFor } from '../../../support/sdk.js';
import { loginTestSite, type TestSite } from '../../../support/site.js';
import type { OpenLock } from '../../../../src/client/index.js';
import type { DoorAdmin } from '../../../../src/operators/doors.js';
import { HostDoor, StateDir, type HostDoorOptions } from './host-door.js';
import { NetworkCable } from './network-cable.js';

export const DOOR = 'virtual-door';

export class Scene {
  readonly #releases: (() => unknown)[] = [];
  /** Data dirs no relay removes any more. */
  readonly #leftBehind: string[] = [];

  private constructor(
    readonly redis: TestRedis,
    /** Between door and relay; the door knows the relay by this address alone. */
    readonly cable: NetworkCable,
    public relay: TestRelay,
    readonly admin: DoorAdmin,
    readonly site: TestSite,
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async start(
    environment: Readonly<Record<string, string>> = {},
    moreOrigins: readonly string[] = [],
  ): Promise<Scene> {
    const redis = await startTestRedis();
    const cable = await NetworkCable.start();
    const settings = { OPENLOCK_PUBLIC_URL: [cable.origin, ...moreOrigins].join(','), ...environment };
    const relay = await startTestRelay(redis.url, settings);
    cable.upstream = relay.port;
    const site = await loginTestSite(relay);
    return new Scene(redis, cable, relay, doorAdmin(await redis.link('openlock-cli')), site, settings);
  }

  /** Undone at the end, last in first out. */
  onEnd(release: () => unknown): void {
    this.#releases.push(release);
  }

  async end(): Promise<void> {
    for (const release of this.#releases.reverse()) await release();
    await this.site.stop();
    await this.relay.stop();
    for (const path of this.#leftBehind) rmSync(path, { recursive: true, force: true });
    await this.cable.stop();
    await this.redis.stop();
  }

  /** Another relay process would be the same: it has the store, the secrets and the certificate, and no memory. */
  async restartRelay(): Promise<void> {
    const { app, port, dataDir } = this.relay;
    await app.stop();
    this.#leftBehind.push(dataDir);
    this.relay = await startTestRelay(this.redis.url, {
      ...this.environment,
      OPENLOCK_DATA_DIR: dataDir,
      OPENLOCK_PORT: String(port),
    });
  }

  newState(): StateDir {
    const state = new StateDir();
    this.onEnd(() => state.remove());
    return state;
  }

  /** A door that is known to the relay and not enrolled yet, which this site may manage. */
  async addDoor(doorId: string = DOOR): Promise<string> {
    const { enrolmentToken } = await this.admin.add(doorId);
    await this.admin.grant(doorId, this.site.siteId, { role: 'manager' });
    return enrolmentToken;
  }

  /** Starts a process that is ended with the scene; it may have ended before. */
  async startDoor(options: Partial<HostDoorOptions> & { readonly state: StateDir }): Promise<HostDoor> {
    const door = await HostDoor.start({ doorId: DOOR, server: this.cable.origin, ca: this.relay.ca, ...options });
    this.onEnd(() => door.kill());
    return door;
  }

  async liveDoor(options: Partial<HostDoorOptions> & { readonly state: StateDir }): Promise<HostDoor> {
    const door = await this.startDoor(options);
    await door.live();
    return door;
  }

  /** A door from nothing to live. */
  async enrolledDoor(
    options: Partial<HostDoorOptions> = {},
  ): Promise<{ readonly door: HostDoor; readonly state: StateDir }> {
    const enrolmentToken = await this.addDoor(options.doorId);
    const state = options.state ?? this.newState();
    const door = await this.liveDoor({ ...options, state, enrolmentToken });
    return { door, state };
  }

  /** The SDK of this scene's site, or of another. */
  sdk(site: TestSite = this.site): OpenLock {
    const sdk = sdkFor(this.relay, site);
    this.onEnd(() => sdk.close());
    return sdk;
  }
}
