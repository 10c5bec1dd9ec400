import { SimulatedDoor, type SimulatedDoorOptions } from '../../../src/simulator/door.js';
import type { DoorIdentity } from '../../../src/simulator/identity.js';
import type { UpdateFault, UpdateOptions, UpdateStep } from '../../../src/simulator/updates/options.js';
import {
  makeRelease,
  makeReleaseKey,
  type ReleaseKey,
  type ReleaseRequest,
  type TestRelease,
} from '../../support/releases.js';
import { testIdentity } from './keys.js';
import { seal, type Sealed } from './seal.js';
import { StandInRelay, type StandInDoor } from './stand-in-relay.js';
import { makeCertificate, type TestCertificate } from './test-ca.js';

const PASSWORD = 'correct horse';
/** No jitter: every wait is the shortest its rule allows. */
const eager = {
  bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
  fraction: () => 0,
};

/** A stand-in relay and doors that take updates; a fresh one for each test of the suite it is made in. */
export class UpdateLab {
  readonly key: ReleaseKey = makeReleaseKey();
  relay!: StandInRelay;
  readonly #doors: SimulatedDoor[] = [];
  #certificate!: TestCertificate;
  #identity!: DoorIdentity;

  /** Registers its hooks with the suite that is being described. */
  constructor() {
    before(async () => {
      this.#certificate = makeCertificate();
      this.#identity = await testIdentity();
    });
    beforeEach(async () => {
      this.relay = await new StandInRelay(this.#certificate).start();
    });
    afterEach(async () => {
      await Promise.all(this.#doors.splice(0).map((door) => door.stop()));
      await this.relay.stop();
    });
  }

  /** A live door that runs 1.0.0 with security version 2. */
  async connect(
    updates: Partial<UpdateOptions> = {},
    options: Partial<SimulatedDoorOptions> = {},
  ): Promise<{ door: SimulatedDoor; peer: StandInDoor; steps: UpdateStep[] }> {
    const door = new SimulatedDoor({
      doorId: 'front',
      relayUrl: this.relay.origin,
      ca: this.relay.ca,
      password: PASSWORD,
      enrolmentToken: 'enrol-me',
      keyPair: this.#identity,
      random: eager,
      firmware: { version: '1.0.0', board: 'simulator', securityVersion: 2 },
      updates: { releaseKeys: [this.key.pem], keepImage: true, ...updates },
      ...options,
    });
    this.#doors.push(door);
    const steps: UpdateStep[] = [];
    door.on('update', (step) => steps.push(step));
    await door.start();
    return { door, peer: await this.relay.arrival(), steps };
  }

  release(over: Partial<ReleaseRequest> = {}): TestRelease {
    return makeRelease({ key: this.key, version: '1.1.0', securityVersion: 2, ...over });
  }

  command(act: string, params?: Record<string, unknown>): Sealed {
    return seal({
      publicPem: this.#identity.publicPem,
      kid: this.#identity.kid,
      door: 'front',
      password: PASSWORD,
      act,
      ...(params !== undefined && { params }),
    });
  }

  /** What the last proof says runs. */
  get proved(): Readonly<Record<string, unknown>> | undefined {
    return this.relay.registrations.at(-1)?.firmware;
  }
}

export const always = (fault: UpdateFault): Partial<UpdateOptions> => ({ fault: () => fault });

/** What the door was sent before has been dealt with. */
export async function pinged(peer: StandInDoor): Promise<void> {
  const answered = new Promise((resolve) => peer.socket.once('pong', resolve));
  peer.socket.ping();
  await answered;
}
