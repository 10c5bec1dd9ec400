/** A virtual door at a stand-in relay, which forwards whatever it is given: the door's own checks are all there is. */
import { seal, type Sealed, type SealRequest } from '../../../simulator/support/seal.js';
import { StandInRelay, type StandInDoor } from '../../../simulator/support/stand-in-relay.js';
import type { TestCertificate } from '../../../simulator/support/test-ca.js';
import type { DoorFrame } from '../../../../src/protocol/door-frames.js';
import type { Receipt } from '../../../../src/protocol/receipt.js';
import { HostDoor, PASSWORD, StateDir, type HostDoorOptions } from './host-door.js';

export const STAND_IN_DOOR = 'stand-in-door';

/** What came of a command: the door's answer, and the receipt where there is one. */
export interface Answer {
  readonly status: 200 | 400;
  readonly refusal: string | undefined;
  readonly code: Receipt['code'] | 'bare';
  readonly receipt: Receipt | undefined;
}

export class StandInScene {
  readonly state = new StateDir();
  door!: HostDoor;
  link!: StandInDoor;

  private constructor(readonly relay: StandInRelay) {}

  static async start(certificate?: TestCertificate, time?: () => number): Promise<StandInScene> {
    const scene = new StandInScene(await new StandInRelay(certificate, time).start());
    await scene.boot({ enrolmentToken: 'E'.repeat(43) });
    return scene;
  }

  /** Starts the door on its state and waits for it at the relay. */
  async boot(over: Partial<HostDoorOptions> = {}): Promise<void> {
    this.door = await HostDoor.start({
      doorId: STAND_IN_DOOR,
      state: this.state,
      server: this.relay.origin,
      ca: this.relay.ca,
      ...over,
    });
    [this.link] = await Promise.all([this.relay.arrival(), this.door.live()]);
  }

  async end(): Promise<void> {
    await this.door?.kill();
    await this.relay.stop();
    this.state.remove();
  }

  /** Seals for this door's key, with everything right but what is given. */
  seal(over: Partial<SealRequest> = {}): Sealed {
    const { publicKey, kid } = this.relay.registrations.at(-1) ?? { publicKey: '', kid: '' };
    return seal({
      publicPem: publicKey,
      kid,
      door: STAND_IN_DOOR,
      password: PASSWORD,
      act: 'unlock',
      params: { holdMs: 0 },
      ...over,
    });
  }

  /** Sends it under another id each time, as a relay without a memory would. */
  async send(sealed: Sealed, deadline: number = Date.now() + 5000): Promise<Answer> {
    return this.sendRaw(sealed.jwe, sealed, deadline);
  }

  async sendRaw(jwe: string, sealed: Sealed | undefined, deadline: number = Date.now() + 5000): Promise<Answer> {
    this.#sent += 1;
    const id = `${'id'.padEnd(42 - String(this.#sent).length, '-')}${this.#sent}A`;
    this.link.send({ t: 'command', id, jwe, deadline });
    const result = await this.link.result(id);
    const receipt = result.receipt === undefined || sealed === undefined ? undefined : sealed.open(result.receipt);
    return {
      status: result.status,
      refusal: result.refusal,
      code: result.receipt === undefined ? 'bare' : (receipt?.code ?? 'bare'),
      receipt,
    };
  }

  /** One of the door's own making (protocol 19.4). */
  async challenge(): Promise<string> {
    this.#asked += 1;
    const id = `challenge-${this.#asked}`;
    this.link.send({ t: 'challenge', id });
    const answer = await this.link.frame((frame): frame is DoorFrame & { readonly challenge: string } => {
      const { t, id: of } = frame as { readonly t: string; readonly id?: unknown };
      return t === 'challenge' && of === id;
    });
    return answer.challenge;
  }

  /** The next state the door tells that says this of its clock. */
  async clock(is: 'sure' | 'unsure'): Promise<void> {
    await this.link.frame((frame): frame is DoorFrame & { t: 'status' } => {
      const { t, state } = frame as { readonly t: string; readonly state?: { readonly clock?: unknown } };
      return t === 'status' && state?.clock === is;
    });
  }

  #sent = 0;
  #asked = 0;
}
