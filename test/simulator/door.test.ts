import { expect } from 'chai';

import type { DoorFrame } from '../../src/protocol/door-frames.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { DoorStartError, SimulatedDoor, type SimulatedDoorOptions } from '../../src/simulator/door.js';
import { MemoryStore } from '../../src/simulator/store.js';
import type { Trouble } from '../../src/simulator/session.js';
import { FakeTime } from './support/fake-time.js';
import { testIdentity } from './support/keys.js';
import { seal, type Sealed, type SealRequest } from './support/seal.js';
import { StandInRelay, type StandInDoor } from './support/stand-in-relay.js';
import { makeCertificate, type TestCertificate } from './support/test-ca.js';

const PASSWORD = 'correct horse';

/** No jitter: every wait is the shortest its rule allows. */
const eager = {
  bytes: (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))),
  fraction: () => 0,
};

describe('SimulatedDoor against a stand-in relay (protocol 4, 5)', () => {
  let certificate: TestCertificate;
  let identity: DoorIdentity;
  let relay: StandInRelay;
  const doors: SimulatedDoor[] = [];

  before(async () => {
    certificate = makeCertificate();
    identity = await testIdentity();
  });

  beforeEach(async () => {
    relay = await new StandInRelay(certificate).start();
  });

  afterEach(async () => {
    await Promise.all(doors.splice(0).map((door) => door.stop()));
    await relay.stop();
  });

  function make(options: Partial<SimulatedDoorOptions> = {}): SimulatedDoor {
    const door = new SimulatedDoor({
      doorId: 'front',
      relayUrl: relay.origin,
      ca: relay.ca,
      password: PASSWORD,
      enrolmentToken: 'enrol-me',
      keyPair: identity,
      random: eager,
      ...options,
    });
    doors.push(door);
    return door;
  }

  async function connect(
    options: Partial<SimulatedDoorOptions> = {},
  ): Promise<{ door: SimulatedDoor; peer: StandInDoor }> {
    const door = make(options);
    await door.start();
    return { door, peer: await relay.arrival() };
  }

  const command = (request: Partial<SealRequest> & { act: string }): Sealed =>
    seal({ publicPem: identity.publicPem, kid: identity.kid, door: 'front', password: PASSWORD, ...request });
  const trouble = (door: SimulatedDoor): Promise<Trouble> => door.once('trouble');

  describe('registration and connection', () => {
    it('proves its key for the origin it called, says hello, and is live after the welcome', async () => {
      const { door, peer } = await connect();
      expect(relay.registrations).to.have.length(1);
      expect(relay.registrations[0]).to.include({
        doorId: 'front',
        kid: identity.kid,
        aud: relay.origin,
        enrolmentToken: 'enrol-me',
      });
      expect(peer.hello).to.deep.include({ t: 'hello', epoch: 0, boot: door.boot });
      expect(door).to.include({ live: true, epoch: 1, kid: identity.kid });
    });

    it('reports its state and the boot', async () => {
      const { peer } = await connect();
      const status = await peer.frame((frame): frame is DoorFrame & { t: 'status' } => frame.t === 'status');
      expect(status.state).to.include({ lock: 'locked', mode: 'normal' });
      expect(await peer.event('boot')).to.include({ seq: 1 });
    });

    it('does not talk to a relay whose certificate it cannot check', async () => {
      const stranger = makeCertificate();
      const failed = await make({ ca: stranger.ca, failFast: true })
        .start()
        .catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(DoorStartError);
      expect(relay.registrations).to.have.length(0);
    });

    it('gives up at a definite refusal when asked to', async () => {
      relay.registerScript.push({ status: 401, body: { code: 'unauthenticated', detail: 'no such token' } });
      const failed = await make({ failFast: true })
        .start()
        .catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(DoorStartError);
      expect((failed as DoorStartError).trouble).to.include({
        stage: 'register',
        status: 401,
        code: 'unauthenticated',
      });
    });

    it('tries again by itself otherwise, not sooner than it was told', async () => {
      relay.registerScript.push({ status: 503, body: { code: 'store_unavailable', retryAfterMs: 700 } });
      const door = make();
      const first = trouble(door);
      await door.start();
      expect(await first).to.include({ stage: 'register', status: 503, code: 'store_unavailable', retryInMs: 700 });
    });

    it('says its highest epoch in every hello and refuses a welcome that does not pass it', async () => {
      const { door, peer } = await connect();
      const seen = trouble(door);
      relay.epoch = 40;
      peer.socket.terminate();
      const second = await relay.arrival();
      expect(second.hello.epoch).to.equal(1);
      await seen;
      second.send({ t: 'welcome', door: 'front', epoch: 7, time: Date.now(), keepAliveSeconds: 10 });
      expect(await second.closed).to.equal(4004);
    });

    it('refuses a welcome whose epoch jumps by more than 2^20, and takes one that jumps by that', async () => {
      relay.epoch = 2 ** 20 - 1;
      const { door } = await connect();
      expect(door.epoch).to.equal(2 ** 20);
      const seen = trouble(door);
      relay.epoch = 2 ** 21;
      door.killSocket();
      await seen;
      const jumped = await relay.arrival();
      expect(await jumped.closed).to.equal(4004);
      expect(door.epoch).to.equal(2 ** 20);
    });
  });

  describe('what it does after a socket has ended (protocol 5.6)', () => {
    it('connects again with the same session after 1001', async () => {
      const { door, peer } = await connect();
      const seen = trouble(door);
      peer.socket.close(1001);
      await relay.arrival();
      expect(await seen).to.include({ stage: 'live', closeCode: 1001 });
      expect(relay.registrations).to.have.length(1);
    });

    it('registers again after 4002', async () => {
      const { peer } = await connect();
      peer.socket.close(4002);
      await relay.arrival();
      expect(relay.registrations).to.have.length(2);
    });

    it('registers again when the upgrade answers 401', async () => {
      const { door, peer } = await connect();
      relay.forgetSessions();
      const seen = trouble(door);
      peer.socket.terminate();
      expect(await seen).to.include({ stage: 'live', closeCode: 1006 });
      await relay.arrival();
      expect(relay.registrations).to.have.length(2);
    });

    it('waits an hour after 4003', async () => {
      const { door, peer } = await connect();
      const seen = trouble(door);
      peer.socket.close(4003);
      expect((await seen).retryInMs).to.equal(3_600_000);
    });

    it('waits an hour when the upgrade says the door is disabled', async () => {
      relay.upgradeScript.push({ status: 403, body: { code: 'door_disabled', detail: 'disabled' } });
      const door = make();
      const seen = trouble(door);
      void door.start();
      expect(await seen).to.include({ stage: 'connect', status: 403, retryInMs: 3_600_000 });
    });

    it('goes to the slow end after 4001, so that two with one key do not throw each other out at full speed', async () => {
      const { door, peer } = await connect();
      const seen = trouble(door);
      peer.socket.close(4001);
      expect((await seen).retryInMs).to.be.at.least(30_000);
    });

    it('waits longer each time while the relay is away', async () => {
      const time = new FakeTime(Date.now());
      const { door } = await connect({ time, random: { ...eager, fraction: () => 1 } });
      const waits: number[] = [];
      door.on('trouble', ({ retryInMs }) => waits.push(retryInMs));
      await relay.stop();
      while (waits.length < 5) {
        await new Promise(setImmediate);
        if (door.live || time.waiting.length === 0) continue;
        time.advance(Math.min(60_000, waits.at(-1) ?? 0));
      }
      expect(waits.slice(0, 5)).to.deep.equal([1000, 2000, 4000, 8000, 16_000]);
    });

    it('closes a socket on which three keep-alives stayed unanswered', async () => {
      const time = new FakeTime(Date.now());
      const { door, peer } = await connect({ time });
      relay.answersKeepAlive = false;
      const seen = trouble(door);
      for (let beat = 0; beat < 4; beat += 1) time.advance(10_000);
      expect(await seen).to.include({ stage: 'live', closeCode: 4006 });
      expect(peer.frames.filter(({ t }) => t === 'keepalive').length).to.be.at.most(3);
    });

    it('keeps a socket whose keep-alives are answered, and lets them move its clock back a little', async () => {
      const time = new FakeTime(Date.now());
      const { door, peer } = await connect({ time });
      for (let beat = 1; beat <= 6; beat += 1) {
        time.advance(10_000);
        await peer.frame((frame): frame is DoorFrame & { t: 'keepalive' } => frame.t === 'keepalive');
        while (peer.frames.filter(({ t }) => t === 'keepalive').length < beat) await new Promise(setImmediate);
        await new Promise((resolve) => peer.socket.ping(undefined, undefined, resolve));
        await new Promise((resolve) => peer.socket.once('pong', resolve));
      }
      expect(door.live).to.equal(true);
      expect(door.now).to.equal(time.now() - 2000); // the host's fake clock is a minute ahead of the relay by now
    });

    it('ends a socket that talks nonsense, and ignores what it does not know', async () => {
      const { door, peer } = await connect();
      peer.send({ t: 'weather', sunny: true });
      peer.send({ t: 'status', id: 'still-there' });
      await peer.frame(
        (frame): frame is DoorFrame & { t: 'status' } => frame.t === 'status' && frame.id === 'still-there',
      );
      const seen = trouble(door);
      peer.socket.send('{"t":"status","id":"a","id":"b"}');
      expect(await peer.closed).to.equal(4004);
      expect(await seen).to.include({ closeCode: 4004 });
    });
  });

  describe('commands', () => {
    it('unlocks over the socket, answers with a receipt, and tells the event', async () => {
      const { door, peer } = await connect();
      const unlock = command({ act: 'unlock' });
      const result = await peer.command(unlock);
      expect(result.status).to.equal(200);
      expect(unlock.open(result.receipt)).to.deep.include({ code: 'ok', status: 200 });
      expect(await peer.event('unlocked')).to.include({ seq: 2 });
      expect(door.executions).to.have.length(1);
      expect(door.executions[0]).to.include({ jti: unlock.jti, act: 'unlock', commandId: unlock.id });
    });

    it('carries a replayed command out once', async () => {
      const { door, peer } = await connect();
      const unlock = command({ act: 'unlock' });
      await peer.command(unlock);
      const replay = command({ act: 'unlock', jti: unlock.jti });
      expect(replay.open((await peer.command(replay)).receipt).code).to.equal('replayed');
      peer.send({ t: 'command', id: unlock.id, jwe: unlock.jwe, deadline: Date.now() + 5000 });
      const lock = command({ act: 'lock' });
      await peer.command(lock);
      expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock', 'lock']);
      expect(door.duplicates).to.equal(1);
      expect(door.received).to.equal(4);
    });

    it('keeps a result it could not send and sends it after the next welcome', async () => {
      const { door, peer } = await connect();
      const unlock = command({ act: 'unlock' });
      // The socket dies the moment the act is done, before the result is sent.
      door.on('execution', () => door.killSocket());
      peer.send({ t: 'command', id: unlock.id, jwe: unlock.jwe, deadline: Date.now() + 5000 });
      const second = await relay.arrival();
      expect(unlock.open((await second.result(unlock.id)).receipt).code).to.equal('ok');
      expect(door.executed).to.equal(1);
    });

    it('refuses everything from before a restart, is locked after it, and has a new boot', async () => {
      const { door, peer } = await connect();
      const first = door.boot;
      const before = command({ act: 'unlock', iat: Date.now() - 1000 });
      const hold = command({ act: 'unlock', params: { holdMs: 0 } });
      await peer.command(hold);
      const restart = command({ act: 'restart' });
      const result = await peer.command(restart);
      expect(restart.open(result.receipt).code).to.equal('ok');
      expect(await peer.closed).to.equal(1001);
      const after = await relay.arrival();
      expect(after.hello.boot).to.not.equal(first);
      expect(door.state.lock).to.equal('locked');
      expect(hold.open((await after.command({ ...hold })).receipt).code).to.equal('replayed');
      expect(before.open((await after.command(before)).receipt).code).to.equal('stale');
    });

    it('says `replayed` to a retry of the very command that restarted it (6.6)', async () => {
      const { door, peer } = await connect();
      const restart = command({ act: 'restart' });
      await peer.command(restart);
      const after = await relay.arrival();
      const retry = command({ act: 'restart', jti: restart.jti });
      expect(retry.open((await after.command(retry)).receipt).code).to.equal('replayed');
      expect(door.executed).to.equal(1);
    });

    it('rotates its key: the receipt names it, the old key vouches for it, and commands to the old one fail', async () => {
      const next = await DoorIdentity.generate();
      const { door, peer } = await connect({ makeKey: () => Promise.resolve(next) });
      const rotate = command({ act: 'rotate_key' });
      expect(rotate.open((await peer.command(rotate)).receipt)).to.include({ code: 'ok', newKid: next.kid });
      const after = await relay.arrival();
      expect(relay.registrations.at(-1)).to.include({ kid: next.kid, rotatedTo: next.kid });
      expect(door.kid).to.equal(next.kid);
      expect(await after.command(command({ act: 'lock' })))
        .to.deep.include({ status: 400 })
        .and.to.not.have.property('receipt');
      expect((await after.command(command({ act: 'lock', publicPem: next.publicPem, kid: next.kid }))).status).to.equal(
        200,
      );
    });

    it('falls back to the old key when the relay does not take the new one', async () => {
      const next = await DoorIdentity.generate();
      const { door, peer } = await connect({ makeKey: () => Promise.resolve(next) });
      relay.registerScript.push({ status: 409, body: { code: 'wrong_key', detail: 'no' } });
      await peer.command(command({ act: 'rotate_key' }));
      await relay.arrival();
      expect(relay.registrations.at(-1)).to.include({ kid: identity.kid });
      expect(door.kid).to.equal(identity.kid);
    });

    describe('with a clock it cannot be sure of (protocol 6.6, 19.4)', () => {
      const challengeOf = async (peer: StandInDoor, id: string): Promise<string | undefined> => {
        peer.send({ t: 'challenge', id });
        const frame = await peer.frame(
          (said): said is DoorFrame & { t: 'challenge' } => said.t === 'challenge' && said.id === id,
        );
        return frame.challenge;
      };
      const lastState = (peer: StandInDoor): unknown =>
        peer.frames.findLast((frame): frame is DoorFrame & { t: 'status' } => frame.t === 'status')?.state.clock;

      for (const [name, sntp] of [
        ['no SNTP', () => undefined],
        ['an SNTP an hour ahead', () => Date.now() + 3_600_000],
      ] as const) {
        it(`says so with ${name}, and takes a command that carries a challenge`, async () => {
          const { door, peer } = await connect({ sntp });
          await peer.event('clock_unsure');
          expect(lastState(peer)).to.equal('unsure');
          const plain = command({ act: 'unlock' });
          const refused = await peer.command(plain);
          expect(refused).to.not.have.property('refusal');
          expect(plain.open(refused.receipt)).to.include({ code: 'challenge_required', status: 400 });
          const challenge = await challengeOf(peer, 'c1');
          const bound = command({ act: 'unlock', jti: plain.jti, body: { challenge } });
          expect(bound.open((await peer.command(bound)).receipt).code).to.equal('ok');
          expect(door.executions.map(({ jti }) => jti)).to.deep.equal([plain.jti]);
        });
      }

      it('makes a challenge with a sure clock, too, never the same, and forgets them with a boot', async () => {
        const { door, peer } = await connect();
        const [first, second] = [await challengeOf(peer, 'c1'), await challengeOf(peer, 'c2')];
        expect(first).to.match(/^[A-Za-z0-9_-]{43}$/);
        expect(second).to.not.equal(first);
        expect(lastState(peer)).to.equal('sure');
        expect(peer.frames.some((frame) => frame.t === 'event' && frame.kind === 'clock_unsure')).to.equal(false);
        door.restart();
        const after = await relay.arrival();
        const bound = command({ act: 'unlock', body: { challenge: first } });
        expect(bound.open((await after.command(bound)).receipt).code).to.equal('challenge_required');
      });

      it('keeps its challenges when only the socket was lost', async () => {
        const { peer } = await connect();
        const challenge = await challengeOf(peer, 'c1');
        peer.socket.terminate();
        const after = await relay.arrival();
        const bound = command({ act: 'unlock', iat: 5, body: { challenge } });
        expect(bound.open((await after.command(bound)).receipt).code).to.equal('ok');
      });

      it('is sure again once its time servers agree with the relay', async () => {
        const time = new FakeTime(Date.now());
        let ahead = 3_600_000;
        const { door } = await connect({ time, sntp: () => time.now() + ahead });
        expect(door.state.clock).to.equal('unsure');
        ahead = 0;
        time.advance(60_000);
        expect(door.state.clock).to.equal('sure');
      });
    });

    it('answers a command past its deadline without a receipt, however good it is', async () => {
      const { door, peer } = await connect();
      const unlock = command({ act: 'unlock' });
      const result = await peer.command(unlock, Date.now() - 1000);
      expect(result).to.deep.equal({ t: 'result', id: unlock.id, status: 400 });
      expect(door.executed).to.equal(0);
    });

    it('refuses an update truthfully, for it has no slot', async () => {
      const { peer } = await connect();
      peer.send({ t: 'update', id: 'u1', phase: 'offer', manifest: 'x' });
      const refusal = await peer.frame((frame): frame is DoorFrame & { t: 'update' } => frame.t === 'update');
      expect(refusal).to.include({ id: 'u1', phase: 'refuse', code: 'unknown_key' });
    });
  });

  describe('settings on probation (protocol 6.3)', () => {
    it('keeps a new server that welcomed it, and says so', async () => {
      const second = await new StandInRelay(certificate).start();
      try {
        const { door, peer } = await connect();
        const move = command({ act: 'configure', params: { serverAddress: second.origin, doorId: 'moved' } });
        const receipt = move.open((await peer.command(move)).receipt);
        expect(receipt).to.include({ code: 'ok', door: 'front' });
        const arrived = await second.arrival();
        expect((await arrived.event('configured')).data).to.deep.equal({ outcome: 'kept' });
        expect(arrived.doorId).to.equal('moved');
        expect(door.settings.serverAddress).to.equal(second.origin);
      } finally {
        await second.stop();
      }
    });

    it('goes back after three minutes without a welcome, and says so', async () => {
      const time = new FakeTime(Date.now());
      const { door, peer } = await connect({ time, canJoin: ({ wifiSsid }) => wifiSsid !== 'nowhere' });
      const cutOff = new Promise<void>((resolve) =>
        door.on('trouble', ({ stage }) => stage === 'network' && resolve()),
      );
      await peer.command(command({ act: 'configure', params: { wifiSsid: 'nowhere' } }));
      await cutOff;
      time.advance(180_000);
      const back = await relay.arrival();
      expect((await back.event('configured')).data).to.deep.equal({ outcome: 'reverted' });
      expect(door.settings).to.not.have.property('wifiSsid');
    });

    it('changes its password at once, with an event', async () => {
      const { peer } = await connect();
      await peer.command(command({ act: 'configure', params: { doorPassword: 'another horse' } }));
      expect((await peer.event('configured')).data).to.deep.equal({ outcome: 'kept' });
      expect((await peer.command(command({ act: 'lock' }))).refusal).to.equal('credential');
      expect((await peer.command(command({ act: 'lock', password: 'another horse' }))).status).to.equal(200);
    });
  });

  it('keeps key, mark and epoch in its store across a power cycle', async () => {
    const store = new MemoryStore();
    const { door, peer } = await connect({ store });
    const unlock = command({ act: 'unlock' });
    await peer.command(unlock);
    await door.stop();
    const { door: again, peer: newPeer } = await connect({ store });
    expect(again.kid).to.equal(door.kid);
    expect(newPeer.hello.epoch).to.equal(1);
    expect(unlock.open((await newPeer.command({ ...unlock })).receipt).code).to.equal('replayed');
    const older = command({ act: 'unlock', iat: Date.now() - 50_000 });
    expect(older.open((await newPeer.command(older)).receipt).code).to.equal('stale');
  });

  it('enters fail-safe when it has been offline too long, and leaves it when it is back', async () => {
    const time = new FakeTime(Date.now());
    await relay.stop();
    relay = await new StandInRelay(certificate, () => time.now()).start();
    const { door, peer } = await connect({ time, settings: { failSafe: 'unlock', failSafeAfterMs: 60_000 } });
    const kinds: string[] = [];
    door.on('event', ({ kind }) => kinds.push(kind));
    relay.upgradeScript.push({ status: 503 });
    const lost = door.once('offline');
    peer.socket.terminate();
    await lost;
    time.advance(60_000);
    expect(door.state).to.include({ lock: 'unlocked', mode: 'fail_safe' });
    while (!door.live) {
      await new Promise(setImmediate);
      time.advance(1);
    }
    expect(kinds).to.deep.equal(['fail_safe_entered', 'unlocked', 'fail_safe_left']);
  });
});
