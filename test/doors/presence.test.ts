import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { sleep, systemClock } from '../../src/clock.js';
import { LiveDoors, type LiveDoor, type LiveDoorHandler } from '../../src/doors/live-door.js';
import { Presence, type PresenceDependencies } from '../../src/doors/presence.js';
import type { SitePrincipal } from '../../src/principal.js';
import { Metrics } from '../../src/metrics.js';
import type { DoorFrame } from '../../src/protocol/door-frames.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { RelayLease } from '../../src/relays/lease.js';
import type { Beat } from '../../src/store/relay-store.js';
import { idOf, lookalike } from '../support/envelopes.js';
import { FakeClock, settle } from '../support/fake-clock.js';
import { MemoryChannel } from '../support/memory-channel.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { startRelayCore, type RelayCore } from '../support/relay-core.js';

const HELLO = {
  t: 'hello',
  boot: 'boot-1',
  epoch: 0,
  firmware: { version: '1.0.0', board: 'memory', securityVersion: 1 },
} as const;
const STATE = { lock: 'locked', mode: 'normal' } as const;
const KID = randomBytes(32).toString('base64url');
const DAY_MS = 86_400_000;

describe('a door on a channel that is no WebSocket', () => {
  const site: SitePrincipal = {
    kind: 'site',
    siteId: 'site_1',
    sessionId: 's',
    origin: 'https://shop.example',
    expiresAt: Date.now() + DAY_MS,
  };
  const context = { requestId: 'r', address: '198.51.100.7', origin: undefined };
  let redis: TestRedis;
  let here: RelayCore;
  let there: RelayCore;
  let doorId: string;
  const sessionHash = randomBytes(32).toString('base64url');

  before(async () => {
    redis = await startTestRedis();
    here = await startRelayCore(await redis.link('here'), 'here');
    there = await startRelayCore(await redis.link('there'), 'there');
    // Each knows of the other: the first renewed its lease when the second said that it joined.
    while (!here.lease.isLive(there.relayId)) await sleep(systemClock, 5);
  });

  beforeEach(async () => {
    doorId = `door-${randomBytes(6).toString('hex')}`;
    const { records, grants } = here.stores;
    const tokenUntil = Date.now() + DAY_MS;
    await records.add(doorId, { name: 'Front', tokenHash: 'token', tokenUntil, kid: undefined, auditEntry: '{}' });
    await records.register({
      doorId,
      nonce: randomBytes(12).toString('base64url'),
      kid: KID,
      publicKey: 'pem',
      enrolmentTokenHash: 'token',
      rotatedFromKid: undefined,
      kidBanned: false,
      sessionHash,
      sessionMs: DAY_MS,
      firmware: '{}',
      nonceMs: 60_000,
      auditEntry: '{}',
    });
    await grants.setGrant(doorId, site.siteId, { role: 'user', notBefore: undefined, notAfter: undefined }, '{}');
  });

  after(async () => {
    await here.stop();
    await there.stop();
    await redis.stop();
  });

  afterEach(() => {
    expect([...here.failures.splice(0), ...there.failures.splice(0)]).to.deep.equal([]);
  });

  async function connect(relay: RelayCore, hash = sessionHash): Promise<MemoryChannel & { readonly epoch: number }> {
    const channel = new MemoryChannel();
    const conn = randomBytes(12).toString('base64url');
    const session = { doorId, conn, sessionHash: hash, sessionUntil: Date.now() + DAY_MS, address: '192.0.2.1' };
    relay.presence.adopt(channel, session);
    const welcome = channel.next('welcome');
    channel.say(HELLO);
    const epoch = await Promise.race([welcome.then((frame) => frame.epoch), channel.closed.then(() => 0)]);
    return Object.assign(channel, { epoch });
  }

  const presence = () => here.stores.presence.presence(doorId);

  it('is attached and welcomed, and found there by the other relays', async () => {
    const door = await connect(here);
    expect(door.epoch).to.equal(1);
    expect((await presence()).relay).to.equal(here.relayId);
  });

  it('is sent away without a session', async () => {
    const door = await connect(here, 'another');
    expect(await door.closed).to.equal('session_ended');
    expect((await presence()).relay).to.equal(undefined);
  });

  for (const far of [false, true]) {
    it(`carries out a command ${far ? 'of another relay' : 'of its own relay'} and answers it`, async () => {
      const door = await connect(here);
      const command = door.next('command');
      const answer = (far ? there : here).commands.submit(site, doorId, lookalike(doorId, { kid: KID }), context);
      const { id } = await command;
      expect(door.say({ t: 'result', id, status: 200, receipt: 'opened' }), 'expected here').to.equal(true);
      expect(await answer).to.include({ commandId: id, state: 'executed', receipt: 'opened' });
      expect(door.say({ t: 'result', id, status: 200 }), 'a second answer').to.equal(false);
    });

    it(`answers a question ${far ? 'of another relay' : 'of its own relay'}`, async () => {
      const door = await connect(here);
      const question = door.next('status');
      const answer = (far ? there : here).commands.status(site, doorId);
      door.say({ t: 'status', id: (await question).id, state: STATE });
      expect(await answer).to.deep.include({ online: true, live: true, state: STATE });
    });
  }

  it('gets a command of another relay also when the hint was lost', async () => {
    const door = await connect(here);
    const command = door.next('command');
    const jwe = lookalike(doorId, { kid: KID });
    await here.bus.stop();
    const answer = there.commands.submit(site, doorId, jwe, context);
    const name = { doorId, commandId: idOf(jwe), minute: undefined };
    while ((await there.stores.commands.read(name)) === undefined) await sleep(systemClock, 5);
    await here.bus.start();
    door.say({ t: 'result', id: (await command).id, status: 200 });
    expect(await answer).to.include({ state: 'executed' });
  });

  it('gives way to its newer connection on another relay, and takes nothing from it when it goes', async () => {
    const older = await connect(here);
    const newer = await connect(there);
    expect(newer.epoch).to.equal(2);
    expect(await older.closed).to.equal('superseded');
    while (here.links.find(doorId) !== undefined) await settle();
    const command = newer.next('command');
    const answer = here.commands.submit(site, doorId, lookalike(doorId, { kid: KID }), context);
    newer.say({ t: 'result', id: (await command).id, status: 400 });
    expect(await code(answer)).to.equal('door_refused');
    expect((await presence()).relay).to.equal(there.relayId);
  });

  it('expires at once what the channel would not take: it was certainly not sent', async () => {
    const door = await connect(here);
    door.deaf = true;
    const jwe = lookalike(doorId, { kid: KID });
    expect(await code(here.commands.submit(site, doorId, jwe, context))).to.equal('door_offline');
    expect((await here.commands.record(site, doorId, idOf(jwe))).state).to.equal('expired');
  });

  it('is closed when an operator disables it, whatever relay it is on', async () => {
    const door = await connect(there);
    await here.stores.mail.toFleet({ t: 'door_changed', door: doorId, change: 'disabled' });
    expect(await door.closed).to.equal('disabled');
  });

  it('is offline once it has gone, in the words of its channel', async () => {
    const door = await connect(here);
    door.hangUp('the line went dead');
    while ((await presence()).relay !== undefined) await sleep(systemClock, 5);
    expect((await presence()).lastSeen).to.be.closeTo(Date.now(), 5000);
    const closing = here.entries.filter(({ kind, door: id }) => kind === 'socket_closed' && id === doorId);
    expect(closing.map((entry) => entry.code)).to.deep.equal(['the line went dead']);
  });
});

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    return error instanceof OpenLockError ? error.code : String(error);
  }
}

describe('presence, in its own time', () => {
  const away = new OpenLockError('store_unavailable', 'The store is away.');
  let clock: FakeClock;
  /** What was asked of the store, in order. */
  let asked: string[];
  let storeAway: boolean;
  let beat: Beat;
  let onRelay: Record<string, string[]>;
  let doors: LiveDoors;
  let presence: Presence;
  let frames: DoorFrame[];

  const note = async <T>(text: string, result: T): Promise<T> => {
    asked.push(text);
    if (storeAway) throw away;
    return Promise.resolve(result);
  };

  beforeEach(async () => {
    clock = new FakeClock();
    asked = [];
    storeAway = false;
    beat = { hadLease: true, live: ['me'], expired: [] };
    onRelay = {};
    doors = new LiveDoors();
    frames = [];
    const bus = { on: () => undefined };
    const onError = (): void => undefined;
    const relays = {
      beat: () => Promise.resolve(beat),
      claimSweep: (relay: string) => note(`sweep ${relay}`, true),
      leave: (relay: string) => note(`leave ${relay}`, undefined),
    };
    const lease = new RelayLease({ relays, bus, clock, relayId: 'me', onError });
    const store: PresenceDependencies['store'] = {
      attach: ({ doorId }) =>
        note(`attach ${doorId}`, {
          outcome: 'ok' as const,
          epoch: 7,
          replacedConn: undefined,
          recordedEpoch: 0,
          sourcesTakeTurns: false,
        }),
      reassert: (doorId) => note(`reassert ${doorId}`, doorId === 'superseded-door' ? 'superseded' : 'ok'),
      detach: (doorId, from, value) => note(`detach ${doorId} ${from} ${value}`, true),
      forget: (_relay, doorId) => note(`forget ${doorId}`, undefined),
      doorsOn: async function* (relay: string) {
        yield await Promise.resolve(onRelay[relay] ?? []);
      },
    };
    const reports: LiveDoorHandler['reports'] = {
      frame: (_door: LiveDoor, frame) => Promise.resolve(void frames.push(frame)),
      expects: () => false,
    };
    const updates = { onWelcome: () => Promise.resolve(), onClosed: () => undefined };
    const audit = { entry: () => '{}', refusal: () => undefined };
    const metrics = new Metrics();
    presence = new Presence({
      ...{ doors, store, reports, updates, bus, audit, metrics, clock, relayId: 'me', onError },
    });
    presence.start();
    await lease.start(presence);
  });

  function connect(doorId = 'door-1', sessionMs = DAY_MS): MemoryChannel {
    const channel = new MemoryChannel();
    const sessionUntil = clock.now() + sessionMs;
    presence.adopt(channel, { doorId, conn: `conn-${doorId}`, sessionHash: 'h', sessionUntil, address: '192.0.2.1' });
    return channel;
  }

  async function live(doorId = 'door-1', sessionMs = DAY_MS): Promise<MemoryChannel> {
    const channel = connect(doorId, sessionMs);
    channel.say(HELLO);
    await settle();
    expect(channel.sent.map(({ t }) => t)).to.deep.equal(['welcome']);
    asked = [];
    return channel;
  }

  it('gives a fresh connection ten seconds to say hello', async () => {
    const silent = connect('door-1');
    await clock.advance(10_000);
    expect(silent.closedFor).to.equal(undefined);
    await clock.advance(1000);
    expect(silent.closedFor).to.equal('protocol_error');
    expect(asked, 'nothing was there to withdraw').to.deep.equal([]);
  });

  it('takes three keep-alives missed for the end, and any frame for a sign of life', async () => {
    const door = await live();
    await clock.advance(25_000);
    door.say({ t: 'keepalive' });
    await clock.advance(31_000);
    expect(door.closedFor).to.equal(undefined);
    await clock.advance(1000);
    expect(door.closedFor).to.equal('keep_alive_timeout');
  });

  it('ends a connection with its session', async () => {
    const door = await live('door-1', 5000);
    await clock.advance(4000);
    expect(door.closedFor).to.equal(undefined);
    await clock.advance(1000);
    expect(door.closedFor).to.equal('session_ended');
  });

  it('wants hello first and only once, and knows nothing of an unknown kind before that', () => {
    const kinds: [string, () => MemoryChannel][] = [
      ['another frame first', () => said({ t: 'keepalive' })],
      ['an unknown one first', () => said({ t: 'unknown' })],
      ['hello twice', () => said(HELLO, HELLO)],
    ];
    function said(...all: Parameters<MemoryChannel['say']>[0][]): MemoryChannel {
      const channel = connect();
      for (const frame of all) channel.say(frame);
      return channel;
    }
    for (const [name, make] of kinds) expect(make().closedFor, name).to.equal('protocol_error');
  });

  it('sets an unknown kind of a live door aside', async () => {
    const door = await live();
    door.say({ t: 'unknown' });
    expect(door.closedFor).to.equal(undefined);
    expect(frames).to.deep.equal([]);
  });

  it('hands over the frames of a door in their order, answers to commands ahead', async () => {
    const door = connect();
    door.say(HELLO);
    door.say({ t: 'status', state: STATE });
    door.say({ t: 'event', seq: 1, kind: 'boot', at: 1 });
    expect(frames, 'not before it is attached').to.deep.equal([]);
    await settle();
    door.say({ t: 'event', seq: 2, kind: 'locked', at: 2 });
    door.say({ t: 'result', id: 'x', status: 200 });
    expect(frames.map(({ t }) => t)).to.deep.equal(['status', 'event', 'result']);
    await settle();
    expect(frames.map(({ t }) => t)).to.deep.equal(['status', 'event', 'result', 'event']);
  });

  it('withdraws a door that left while the store was away as soon as it is back, waiting longer each time', async () => {
    const door = await live();
    storeAway = true;
    door.hangUp();
    await settle();
    expect(doors.find('door-1'), 'here it is gone at once').to.equal(undefined);
    const tries = (): number => asked.filter((text) => text.startsWith('detach')).length;
    const seen = [tries()];
    for (const ms of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      await clock.advance(ms - 1);
      seen.push(tries());
      await clock.advance(1);
    }
    expect(seen, 'one each, not a millisecond early').to.deep.equal([1, 1, 2, 3, 4, 5, 6, 7]);
    storeAway = false;
    await clock.advance(10_000);
    expect(asked.slice(-2)).to.deep.equal(['detach door-1 conn conn-door-1', 'forget door-1']);
    await clock.advance(60_000);
    expect(tries()).to.equal(9);
  });

  it('withdraws a door that left while it was being attached', async () => {
    const door = connect();
    door.say(HELLO);
    door.hangUp();
    await settle();
    expect(asked).to.deep.equal(['attach door-1', 'detach door-1 conn conn-door-1', 'forget door-1']);
    expect(doors.size).to.equal(0);
  });

  it('does not take the place in the index from a newer connection', async () => {
    const older = await live();
    const newer = connect();
    newer.say(HELLO);
    await settle();
    expect(older.closedFor).to.equal('superseded');
    expect(asked).to.deep.equal(['attach door-1', 'detach door-1 conn conn-door-1']);
    expect(doors.find('door-1')?.send({ t: 'status', id: 'q' })).to.equal(true);
    expect(newer.sent.at(-1)).to.deep.equal({ t: 'status', id: 'q' });
  });

  it('says again which doors are here once the lease was lost, and lets go of those that are elsewhere', async () => {
    const mine = await live('door-1');
    const lost = await live('superseded-door');
    beat = { ...beat, hadLease: false };
    await clock.advance(2500);
    expect(asked.slice(0, 2)).to.deep.equal(['reassert door-1', 'reassert superseded-door']);
    expect(mine.closedFor).to.equal(undefined);
    expect(lost.closedFor).to.equal('superseded');
  });

  it('takes the doors of a dead relay offline, then the relay itself', async () => {
    onRelay['dead'] = ['door-8', 'door-9'];
    beat = { ...beat, expired: ['dead'] };
    await clock.advance(2500);
    expect(asked).to.deep.equal(['sweep dead', 'detach door-8 node dead', 'detach door-9 node dead', 'leave dead']);
  });

  it('leaves a dead relay in the list while its doors cannot be taken offline', async () => {
    onRelay['dead'] = ['door-8'];
    beat = { ...beat, expired: ['dead'] };
    storeAway = true;
    await clock.advance(2500);
    expect(asked).to.deep.equal(['sweep dead']);
    storeAway = false;
    await clock.advance(2500);
    expect(asked.slice(1)).to.deep.equal(['sweep dead', 'detach door-8 node dead', 'leave dead']);
  });

  it('sends every door away when it stops, and waits for what is to be withdrawn, but not for ever', async () => {
    const door = await live();
    const stopped = presence.stop(1500);
    expect(door.closedFor).to.equal('going_away');
    await clock.advance(20);
    await stopped;
    expect(asked).to.deep.equal(['detach door-1 conn conn-door-1', 'forget door-1']);
    expect(clock.pending, 'only the lease is renewed').to.equal(1);
  });

  it('gives up a door that cannot be withdrawn when it stops', async () => {
    const door = await live();
    storeAway = true;
    door.hangUp();
    await settle();
    const stopped = presence.stop(1500);
    await clock.advance(1500);
    await stopped;
    expect(clock.pending, 'only the lease is renewed').to.equal(1);
  });
});
