/** Twenty virtual doors at a real relay, and the operator at the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import { parseFirmware } from '../../../../src/updates/door-firmware.js';
import type { RolloutView } from '../../../../src/operators/rollout-view.js';
import { DoorRecordStore } from '../../../../src/store/door-records.js';
import { UpdateOperator } from '../../../support/updates.js';
import { asRelease, builtImage, sha256Of } from '../../../support/virtual-images.js';
import { Slots } from '../../../support/virtual-images-slots.js';
import { startCommand, type CommandProcess } from '../../virtual-door/support/command-process.js';
import type { HostDoor, StateDir } from '../../virtual-door/support/host-door.js';
import { Scene } from '../../virtual-door/support/scene.js';

/** Instead of the 3 minutes of protocol 12.5. */
export const TRIAL_MS = 3000;

export interface Published {
  readonly version: string;
  readonly sha256: string;
}

export interface FleetDoor {
  readonly doorId: string;
  readonly state: StateDir;
  readonly slots: Slots;
  door: HostDoor;
}

export class Fleet {
  readonly doors: FleetDoor[] = [];
  readonly #files: StateDir;

  private constructor(
    readonly scene: Scene,
    /** The program as built: what runs before the first rollout. */
    readonly built: Buffer,
    readonly operator: UpdateOperator,
    readonly records: DoorRecordStore,
  ) {
    this.#files = scene.newState();
  }

  static async start(): Promise<Fleet> {
    const scene = await Scene.start();
    const link = await scene.redis.link('openlock-cli');
    return new Fleet(scene, await builtImage(), new UpdateOperator(link), new DoorRecordStore(link));
  }

  end(): Promise<void> {
    return this.scene.end();
  }

  get keyFile(): string {
    return join(this.#files.root, 'release.pem');
  }

  get publicKeyFile(): string {
    return join(this.#files.root, 'release.pub.pem');
  }

  /** As an operator types it. */
  start(...args: readonly string[]): CommandProcess {
    return startCommand(args, {
      OPENLOCK_DATA_DIR: this.scene.relay.dataDir,
      OPENLOCK_REDIS_URL: this.scene.redis.url,
      OPENLOCK_LOG_LEVEL: 'silent',
    });
  }

  /** The one JSON value a command that succeeds prints. */
  async openlock(...args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.start(...args, '--json').done;
    expect(code, `openlock ${args.join(' ')}: ${stderr}`).to.equal(0);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  async enrol(count: number): Promise<void> {
    // Two at a time: each makes two RSA keys.
    for (let made = 0; made < count; made += 2)
      await Promise.all([made, made + 1].filter((index) => index < count).map((index) => this.#enrol(index)));
  }

  async #enrol(index: number): Promise<void> {
    const doorId = `fleet-${String(index).padStart(2, '0')}`;
    const { door, state } = await this.scene.enrolledDoor({
      doorId,
      more: ['--release-key', this.publicKeyFile, '--update-trial-ms', String(TRIAL_MS)],
    });
    this.doors.push({ doorId, state, slots: new Slots(state.path), door });
    this.doors.sort((a, b) => a.doorId.localeCompare(b.doorId));
  }

  /** A power cut, and the power back. */
  async reboot(unlucky: FleetDoor): Promise<void> {
    await unlucky.door.kill();
    const { doorId, state } = unlucky;
    unlucky.door = await this.scene.startDoor({ doorId, state, more: ['--update-trial-ms', String(TRIAL_MS)] });
  }

  /** Signs and publishes at the command line. */
  async publish(image: Buffer, version: string, size?: number): Promise<Published> {
    const release = asRelease(image, { version, ...(size !== undefined && { size }) });
    const path = join(this.#files.root, `${version}.bin`);
    writeFileSync(path, release);
    await this.openlock(
      'firmware',
      'sign',
      path,
      '--key',
      this.keyFile,
      '--board',
      'host',
      '--version',
      version,
      '--security-version',
      '1',
    );
    const published = await this.openlock('firmware', 'publish', path, `${path}.manifest`);
    expect(published).to.include({ sha256: sha256Of(release) });
    return { version, sha256: sha256Of(release) };
  }

  /** What a rollout has come to at this moment. */
  status(rolloutId: string): Promise<RolloutView> {
    return this.operator.rollouts.status(rolloutId);
  }

  /** Until it has ended, whichever way; every look at it on the way goes through `see`. */
  async ended(rolloutId: string, see: (view: RolloutView) => void): Promise<RolloutView> {
    for (;;) {
      const view = await this.status(rolloutId);
      see(view);
      const { offered, downloading, verified, rebooting } = view.counts;
      if (view.state !== 'running' && offered + downloading + verified + rebooting === 0) return view;
      await delay(20);
    }
  }

  /** Every door proves that image, boots it from a whole file, and never opened. */
  async expectAllOn(release: Published): Promise<void> {
    const overviews = await this.records.overviews(this.doors.map(({ doorId }) => doorId));
    for (const { doorId, door, slots } of this.doors) {
      const firmware = parseFirmware(overviews.find((overview) => overview.doorId === doorId)?.firmware);
      expect(firmware, doorId).to.include({ version: release.version, sha256: release.sha256 });
      const { active } = slots.state ?? { active: 'factory' };
      expect(
        sha256Of(active === 'factory' ? this.built : slots.image(active)),
        `${doorId}: image on its disk`,
      ).to.equal(release.sha256);
      expect(
        door.pin.every((isActive) => !isActive),
        `${doorId}: pin`,
      ).to.equal(true);
    }
  }
}
