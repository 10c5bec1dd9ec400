import { expect } from 'chai';

import type { DoorFrame } from '../../src/protocol/door-frames.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { SimulatedDoor, type SimulatedDoorOptions } from '../../src/simulator/door.js';
import { FakeTime } from './support/fake-time.js';
import { testIdentity } from './support/keys.js';
import { seal, type Sealed, type SealRequest } from './support/seal.js';
import { StandInRelay, type StandInDoor } from './support/stand-in-relay.js';
import { makeCertificate, type TestCertificate } from './support/test-ca.js';

const PASSWORD = 'correct horse';
/** A sender tries again for this long after its first attempt. */
const RETRY_MS = 45_000;
const FRESH_MS = 60_000;
const eager = {
  bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
  fraction: () => 0,
};

/** Tells the sender that a command was certainly not sent, and delivers it all the same, whenever it likes. */
class LyingRelay {
  readonly #held: Sealed[] = [];
  constructor(
    public door: StandInDoor,
    readonly time: FakeTime,
  ) {}

  /** What the sender hears; what it sent is kept. */
  submit(sealed: Sealed): { state: 'expired' } {
    this.#held.push(sealed);
    return { state: 'expired' };
  }

  /** Delivers the `index`th of what was submitted, with a deadline that suits the lie; the code of the receipt. */
  async deliver(index: number): Promise<string> {
    const sealed = this.#held[index];
    if (sealed === undefined) throw new Error('nothing was submitted');
    const before = this.door.frames.length;
    this.door.send({ t: 'command', id: sealed.id, jwe: sealed.jwe, deadline: this.time.now() + 5000 });
    const isResult = (frame: DoorFrame): frame is DoorFrame & { t: 'result' } =>
      frame.t === 'result' && frame.id === sealed.id && this.door.frames.indexOf(frame) >= before;
    return sealed.open((await this.door.frame(isResult)).receipt).code;
  }
}

/** Protocol 6.6: a retry keeps its `jti` under a new envelope, so that the door's ring holds it to once, whatever the relay says. */
describe('a relay that says `expired` and delivers all the same', () => {
  let certificate: TestCertificate;
  let identity: DoorIdentity;
  let time: FakeTime;
  let relay: StandInRelay;
  let door: SimulatedDoor;
  let liar: LyingRelay;

  before(async () => {
    certificate = makeCertificate();
    identity = await testIdentity();
  });

  beforeEach(async () => {
    time = new FakeTime(Date.now());
    relay = await new StandInRelay(certificate, () => time.now()).start();
    relay.keepAliveSeconds = 3600; // time jumps here, and nobody is to miss a beat
  });

  afterEach(async () => {
    await door.stop();
    await relay.stop();
  });

  async function connect(options: Partial<SimulatedDoorOptions> = {}): Promise<void> {
    door = new SimulatedDoor({
      doorId: 'front',
      relayUrl: relay.origin,
      ca: relay.ca,
      password: PASSWORD,
      enrolmentToken: 'enrol-me',
      keyPair: identity,
      random: eager,
      time,
      ...options,
    });
    await door.start();
    liar = new LyingRelay(await relay.arrival(), time);
  }

  const envelope = (request: Partial<SealRequest> = {}): Sealed =>
    seal({
      publicPem: identity.publicPem,
      kid: identity.kid,
      door: 'front',
      password: PASSWORD,
      act: 'unlock',
      iat: time.now(),
      ...request,
    });

  /** One click: an attempt, the lie, and the retry a while later. */
  function click(request: Partial<SealRequest> = {}): void {
    const first = envelope(request);
    expect(liar.submit(first).state).to.equal('expired');
    time.advance(1000);
    const retry = envelope({ ...request, jti: first.jti });
    expect(retry.jwe).to.not.equal(first.jwe);
    liar.submit(retry);
  }

  it('has the first run, and the retry told so', async () => {
    await connect();
    click();
    expect(await liar.deliver(0)).to.equal('ok');
    expect(await liar.deliver(1)).to.equal('replayed');
    expect(door.executed).to.equal(1);
  });

  it('or the retry run, and the first told so', async () => {
    await connect();
    click();
    expect(await liar.deliver(1)).to.equal('ok');
    expect(await liar.deliver(0)).to.equal('replayed');
    expect(door.executed).to.equal(1);
  });

  it('gets no second run by holding the last retry back for as long as it is fresh', async () => {
    await connect({ replayCapacity: 1 });
    const first = envelope();
    liar.submit(first);
    expect(await liar.deliver(0)).to.equal('ok');
    time.advance(RETRY_MS);
    liar.submit(envelope({ jti: first.jti }));
    time.advance(FRESH_MS);
    // Another command in between would like to have the one place there is.
    liar.submit(envelope());
    expect(await liar.deliver(2)).to.equal('busy');
    expect(await liar.deliver(1)).to.equal('replayed');
    expect(door.executed).to.equal(1);
  });

  it('gets no second restart out of a retry, though the ring was in memory', async () => {
    await connect();
    click({ act: 'restart' });
    expect(await liar.deliver(0)).to.equal('ok');
    liar.door = await relay.arrival();
    expect(await liar.deliver(1)).to.equal('replayed');
    expect(door.executed).to.equal(1);
  });

  it('nor with a door that cannot be sure of its clock, whose challenges it hands out', async () => {
    await connect({ sntp: () => undefined });
    const challenge = async (id: string): Promise<string | undefined> => {
      liar.door.send({ t: 'challenge', id });
      return (
        await liar.door.frame(
          (frame): frame is DoorFrame & { t: 'challenge' } => frame.t === 'challenge' && frame.id === id,
        )
      ).challenge;
    };
    const first = envelope({ body: { challenge: await challenge('c1') } });
    liar.submit(first);
    liar.submit(envelope({ jti: first.jti, body: { challenge: await challenge('c2') } }));
    liar.submit(envelope({ jti: first.jti }));
    expect(await liar.deliver(0)).to.equal('ok');
    expect(await liar.deliver(1)).to.equal('replayed');
    expect(await liar.deliver(2)).to.equal('replayed');
    expect(door.executed).to.equal(1);
  });
});
