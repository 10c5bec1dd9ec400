/** One virtual door at a careless relay, with a release key it trusts. */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { makeReleaseKey, type ReleaseRequest, type TestRelease } from '../../../support/releases.js';
import { asRelease, builtImage, releaseOf, sha256Of, type ImageTraits } from '../../../support/virtual-images.js';
import { Slots } from '../../../support/virtual-images-slots.js';
import { HostDoor, StateDir } from '../../virtual-door/support/host-door.js';
import { CarelessRelay, type Offer } from './careless-relay.js';

const DOOR = 'updated-door';
/** Instead of the 3 minutes of protocol 12.5. */
export const TRIAL_MS = 1500;

export class UpdateScene {
  readonly state = new StateDir();
  readonly slots = new Slots(this.state.path);
  readonly key = makeReleaseKey();
  readonly relay = new CarelessRelay();
  door!: HostDoor;
  #more: readonly string[] = [];

  private constructor(
    /** The program as built: what runs before the first update. */
    readonly built: Buffer,
  ) {}

  static async start(more: readonly string[] = []): Promise<UpdateScene> {
    const scene = new UpdateScene(await builtImage());
    scene.#more = more;
    await scene.relay.start();
    writeFileSync(scene.keyFile, scene.key.pem);
    await scene.boot(['--release-key', scene.keyFile]);
    return scene;
  }

  get keyFile(): string {
    return join(this.state.root, 'release.pem');
  }

  async end(): Promise<void> {
    await this.door?.kill();
    await this.relay.stop();
    this.state.remove();
  }

  /** Starts the door; does not wait for it. */
  async powerOn(more: readonly string[] = []): Promise<HostDoor> {
    const { relay } = this.relay;
    this.door = await HostDoor.start({
      doorId: DOOR,
      state: this.state,
      server: relay.origin,
      ca: relay.ca,
      enrolmentToken: 'E'.repeat(43),
      more: ['--update-trial-ms', String(TRIAL_MS), ...this.#more, ...more],
    });
    return this.door;
  }

  async boot(more: readonly string[] = []): Promise<void> {
    await (await this.powerOn(more)).live();
  }

  /** A release of the built program that this door takes. */
  release(traits: ImageTraits & { readonly version: string }): TestRelease {
    return this.sign(asRelease(this.built, traits));
  }

  /** What the image asks for, signed by the key the door trusts. */
  sign(image: Buffer, over: Partial<ReleaseRequest> = {}): TestRelease {
    return releaseOf(this.key, image, over);
  }

  /** Offers it and waits until the door runs it and has said so. */
  async update(release: TestRelease): Promise<Offer> {
    const offer = this.relay.offer(release);
    await this.relay.frame(offer, 'confirmed');
    this.relay.withdraw();
    this.runs(release);
    return offer;
  }

  /** What the relay was proven, and what lies on the disk. */
  runs(release: TestRelease): void {
    expect(this.relay.proven).to.deep.equal({ version: release.version, sha256: release.sha256 });
    const { active, trial } = this.slots.state ?? {};
    expect(trial).to.equal('valid');
    expect(sha256Of(this.slots.image(active as 'a' | 'b')), 'image on the disk').to.equal(release.sha256);
  }

  /** Flips a bit in an image file, behind the door's back. */
  damage(slot: 'a' | 'b', offset: number): void {
    const file = openSync(this.slots.path(slot), 'r+');
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(file, byte, 0, 1, offset);
    closeSync(file);
  }

  /** No start, and no step of an update, lets anybody in. */
  neverOpened(): void {
    expect(
      this.door.pin.every((active) => !active),
      'pin',
    ).to.equal(true);
  }
}
