/** A relay that checks no release and serves whatever it is told to: what a door refuses here, it refuses by itself. */
import type { DoorUpdateFrame } from '../../../../src/protocol/update-frames.js';
import { StandInRelay, type StandInDoor } from '../../../simulator/support/stand-in-relay.js';
import type { TestCertificate } from '../../../simulator/support/test-ca.js';
import { blockFrame, type TestRelease } from '../../../support/releases.js';

/** What one door has asked and been given for one offer, over all its connections. */
export class Offer {
  /** Every update frame of the door with this id, in order. */
  readonly frames: DoorUpdateFrame[] = [];
  /** Payload bytes served. */
  bytes = 0;
  /** End of what was served, however often. */
  servedEnd = 0;
  /** Called before a `get` is answered; one that returns false leaves it unanswered. */
  onGet: (offset: number) => boolean = () => true;

  constructor(
    readonly id: string,
    readonly release: TestRelease,
  ) {}

  /** Where the door began or went on, in order. */
  get accepted(): readonly number[] {
    return this.frames.flatMap((frame) => (frame.phase === 'accept' ? [frame.offset] : []));
  }
}

export class CarelessRelay {
  readonly relay: StandInRelay;
  /** Offered to the door now and after every welcome, until it is taken back. */
  #offer: Offer | undefined;
  #door: StandInDoor | undefined;
  readonly #offers = new Map<string, Offer>();
  readonly #checks = new Set<() => void>();
  #made = 0;
  #welcomes = 0;

  constructor(certificate?: TestCertificate) {
    this.relay = new StandInRelay(certificate);
  }

  async start(): Promise<this> {
    await this.relay.start();
    void this.#welcomeAll();
    return this;
  }

  async stop(): Promise<void> {
    await this.relay.stop();
  }

  /** What the door's last proof says of the image that runs (protocol 12.6). */
  get proven(): { readonly version: unknown; readonly sha256: unknown } {
    const { version, sha256 } = this.relay.registrations.at(-1)?.firmware ?? {};
    return { version, sha256 };
  }

  /** Offers it, and goes on offering it under the same id after every reconnect, as protocol 12.4 wants. */
  offer(release: TestRelease): Offer {
    this.#made += 1;
    const offer = new Offer(`update-${this.#made}`, release);
    this.#offers.set(offer.id, offer);
    this.#offer = offer;
    this.#send();
    return offer;
  }

  /** Offers nothing after the next welcome. */
  withdraw(): void {
    this.#offer = undefined;
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.#door?.socket.terminate();
  }

  /** The door's first frame of that phase for that offer, past or future; not counting the first `skipped`. */
  async frame<P extends DoorUpdateFrame['phase']>(
    offer: Offer,
    phase: P,
    patienceMs = 20_000,
    skipped = 0,
  ): Promise<DoorUpdateFrame & { phase: P }> {
    const isIt = (frame: DoorUpdateFrame): frame is DoorUpdateFrame & { phase: P } => frame.phase === phase;
    return this.#until(
      () => offer.frames.filter(isIt)[skipped],
      `${phase} of ${offer.id}`,
      patienceMs,
      () => JSON.stringify(offer.frames.filter((frame) => frame.phase !== 'get')),
    );
  }

  /** Until the door has been welcomed since {@link ignoreArrivals}. */
  async welcomed(patienceMs = 20_000): Promise<void> {
    await this.#until(
      () => (this.#welcomes > 0 ? true : undefined),
      'welcome',
      patienceMs,
      () => 'nobody came',
    );
  }

  /** Counts welcomes anew. */
  ignoreArrivals(): void {
    this.#welcomes = 0;
  }

  #until<T>(look: () => T | undefined, what: string, patienceMs: number, story: () => string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#checks.delete(check);
        reject(new Error(`no ${what} within ${patienceMs} ms, but ${story()}`));
      }, patienceMs);
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        this.#checks.delete(check);
        clearTimeout(timer);
        resolve(found);
      };
      this.#checks.add(check);
      check();
    });
  }

  async #welcomeAll(): Promise<void> {
    for (;;) {
      const door = await this.relay.arrival();
      this.#door = door;
      this.#welcomes += 1;
      let read = 0;
      const take = (): void => {
        for (; read < door.frames.length; read += 1) {
          const frame = door.frames[read];
          if (frame?.t === 'update') this.#take(door, frame);
        }
        this.#tell();
      };
      door.socket.on('message', take);
      take();
      this.#send();
      this.#tell();
    }
  }

  #send(): void {
    if (this.#offer === undefined) return;
    this.#door?.send({ t: 'update', id: this.#offer.id, phase: 'offer', manifest: this.#offer.release.manifest });
  }

  #take(door: StandInDoor, frame: DoorUpdateFrame): void {
    const offer = this.#offers.get(frame.id);
    if (offer === undefined) return;
    offer.frames.push(frame);
    if (frame.phase !== 'get' || !offer.onGet(frame.offset)) return;
    const { image } = offer.release;
    const end = Math.min(frame.offset + frame.length, image.length);
    offer.bytes += end - frame.offset;
    offer.servedEnd = Math.max(offer.servedEnd, end);
    door.socket.send(blockFrame(image, frame.offset, end - frame.offset));
  }

  #tell(): void {
    for (const check of [...this.#checks]) check();
  }
}
