import { expect } from 'chai';

import type { DoorAdmin } from '../../../src/operators/doors.js';
import type { KeyAdmin } from '../../../src/operators/keys.js';
import { hello, liveDoor, makeRawKey, openDoorSocket, register, type RawSocket } from '../../support/raw-door.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';
import { doorAdmin, keyAdmin, startTestRelay, type TestRelay } from '../../support/relay.js';

describe('door socket (protocol 4.6, 5)', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let keys: KeyAdmin;
  const key = makeRawKey();
  let doors = 0;
  const open: RawSocket[] = [];

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    const link = await redis.link('openlock-cli');
    admin = doorAdmin(link);
    keys = keyAdmin(link);
  });

  afterEach(() => {
    for (const socket of open.splice(0)) socket.ws.terminate();
  });

  after(async () => {
    await relay.stop();
    await redis.stop();
  });

  async function session(): Promise<{ doorId: string; sessionToken: string }> {
    doors += 1;
    const { doorId, enrolmentToken } = await admin.add(`socket-door-${doors}`);
    const { body } = await register(relay, doorId, key, { enrolmentToken });
    return { doorId, sessionToken: body['sessionToken'] as string };
  }

  async function connected(): Promise<RawSocket & { doorId: string; sessionToken: string }> {
    const { doorId, sessionToken } = await session();
    const socket = await openDoorSocket(relay, doorId, sessionToken);
    open.push(socket);
    return { ...socket, doorId, sessionToken };
  }

  async function live(): Promise<RawSocket & { doorId: string; sessionToken: string }> {
    const socket = await connected();
    socket.send(hello());
    expect((await socket.next())['t']).to.equal('welcome');
    return socket;
  }

  const refusal = async (doorId: string, token: string, headers: Record<string, string> = {}): Promise<string> => {
    try {
      open.push(await openDoorSocket(relay, doorId, token, { headers }));
      return 'accepted';
    } catch (error) {
      const { status, code } = error as { status?: number; code?: string };
      return `${status} ${code}`;
    }
  };

  it('welcomes with an epoch above its own record and the door', async () => {
    const socket = await connected();
    socket.send(hello({ epoch: 41 }));
    const welcome = await socket.next();
    expect(welcome).to.include({ t: 'welcome', door: socket.doorId, epoch: 42, keepAliveSeconds: 10 });
    expect(welcome['time']).to.be.closeTo(Date.now(), 2000);
    const again = await openDoorSocket(relay, socket.doorId, socket.sessionToken);
    open.push(again);
    again.send(hello({ epoch: 0 }));
    expect(await again.next()).to.include({ epoch: 43 });
  });

  it('answers keep-alives', async () => {
    const socket = await live();
    socket.send({ t: 'keepalive' });
    const answer = await socket.next();
    expect(answer['t']).to.equal('keepalive');
    expect(answer['time']).to.be.closeTo(Date.now(), 2000);
  });

  it('checks everything before the upgrade', async () => {
    const { doorId, sessionToken } = await session();
    expect(await refusal(doorId, 'wrong')).to.equal('401 unauthenticated');
    expect(await refusal('another-door', sessionToken)).to.equal('401 unauthenticated');
    expect(await refusal('bad id!', sessionToken)).to.equal('401 unauthenticated');
    expect(await refusal(doorId, sessionToken, { origin: 'https://shop.example' })).to.equal('403 forbidden_origin');
    await admin.disable(doorId);
    expect(await refusal(doorId, sessionToken)).to.equal('403 door_disabled');
    await admin.enable(doorId);
    expect(await refusal(doorId, sessionToken)).to.equal('accepted');
  });

  it('no longer takes a session token once the door has registered again', async () => {
    const { doorId, sessionToken } = await session();
    await register(relay, doorId, key);
    expect(await refusal(doorId, sessionToken)).to.equal('401 unauthenticated');
  });

  it('closes with 4000 a socket that asked for no subprotocol', async () => {
    const { doorId, sessionToken } = await session();
    const socket = await openDoorSocket(relay, doorId, sessionToken, {}, []);
    expect(await socket.closed).to.equal(4000);
  });

  it('supersedes an older socket with 4001', async () => {
    const first = await live();
    const second = await openDoorSocket(relay, first.doorId, first.sessionToken);
    open.push(second);
    second.send(hello({ epoch: 1 }));
    expect((await second.next())['t']).to.equal('welcome');
    expect(await first.closed).to.equal(4001);
    second.send({ t: 'keepalive' });
    expect((await second.next())['t']).to.equal('keepalive');
  });

  const malformed: [string, string | Buffer | object][] = [
    ['text that is no JSON', 'hello'],
    ['a duplicate member', '{"t":"keepalive","t":"keepalive"}'],
    ['deep nesting', `{"t":"keepalive","x":${'['.repeat(50)}${']'.repeat(50)}}`],
    ['a binary frame', Buffer.from([1, 2, 3])],
    ['an array', []],
    ['a second hello', hello()],
    ['a result without a status', { t: 'result', id: 'A'.repeat(43) }],
    ['a result with an id that is not canonical', { t: 'result', id: `${'A'.repeat(42)}B`, status: 200 }],
    ['a receipt over 4096 characters', { t: 'result', id: 'A'.repeat(43), status: 200, receipt: 'x'.repeat(4097) }],
    ['an event whose kind is no word', { t: 'event', seq: 1, kind: 'Party!', at: 1 }],
    ['event data that is not flat', { t: 'event', seq: 1, kind: 'boot', at: 1, data: { a: { b: 1 } } }],
    ['event data over 512 bytes', { t: 'event', seq: 1, kind: 'boot', at: 1, data: { a: 'x'.repeat(512) } }],
    ['a state that is none', { t: 'status', state: { lock: 'ajar', mode: 'normal' } }],
  ];
  for (const [name, frame] of malformed) {
    it(`closes with 4004 after ${name}`, async () => {
      const socket = await live();
      socket.send(frame);
      expect(await socket.closed).to.equal(4004);
    });
  }

  it('closes with 4004 whoever does not begin with hello', async () => {
    const socket = await connected();
    socket.send({ t: 'keepalive' });
    expect(await socket.closed).to.equal(4004);
  });

  it('closes with 1009 after a frame over 8 KiB', async () => {
    const socket = await live();
    socket.send(JSON.stringify({ t: 'keepalive', x: 'x'.repeat(9000) }));
    expect(await socket.closed).to.equal(1009);
  });

  it('closes with 4005 after a flood of events', async () => {
    const socket = await live();
    for (let seq = 0; seq < 60; seq += 1) socket.send({ t: 'event', seq, kind: 'tamper', at: Date.now() });
    expect(await socket.closed).to.equal(4005);
  });

  it('lives with unknown members and unknown kinds of frame from a newer door', async () => {
    const socket = await live();
    socket.send({ t: 'telemetry', amps: 3 });
    socket.send({ t: 'event', seq: 1, kind: 'party', at: 1 });
    socket.send({ t: 'keepalive', later: true });
    expect((await socket.next())['t']).to.equal('keepalive');
  });

  it('ignores results for commands that are not this door’s', async () => {
    const socket = await live();
    socket.send({ t: 'result', id: 'A'.repeat(43), status: 200 });
    socket.send({ t: 'keepalive' });
    expect((await socket.next())['t']).to.equal('keepalive');
  });

  it('closes with 4003 when the door is disabled or its key banned, with 4002 when it is reset', async () => {
    const disabled = await live();
    await admin.disable(disabled.doorId);
    expect(await disabled.closed).to.equal(4003);
    const reset = await live();
    await admin.reset(reset.doorId);
    expect(await reset.closed).to.equal(4002);
    const removed = await live();
    await admin.remove(removed.doorId);
    expect(await removed.closed).to.equal(4003);
    const banned = await live();
    await keys.ban(key.kid);
    expect(await banned.closed).to.equal(4003);
    await keys.unban(key.kid);
  });

  it('sends doors away with 1001 when it stops, and takes them offline', async () => {
    const other = await startTestRelay(redis.url, { OPENLOCK_SECRETS_DIR: `${relay.dataDir}/secrets` });
    const { doorId, enrolmentToken } = await admin.add('door-of-the-other-relay');
    const socket = await liveDoor(other, doorId, key, enrolmentToken);
    expect((await admin.show(doorId)).online).to.equal(true);
    const startedAt = Date.now();
    await other.stop();
    expect(await socket.closed).to.equal(1001);
    expect(Date.now() - startedAt).to.be.below(10_000);
    expect((await admin.show(doorId)).online).to.equal(false);
  });
});
