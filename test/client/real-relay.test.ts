import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect } from 'chai';

import {
  DoorRefusedError,
  KeyChangedError,
  MemoryPinStore,
  MemoryTokenStorage,
  OpenLock,
  OpenLockError,
  type StreamEvent,
} from '../../src/client/index.js';
import { relayFetch } from '../../src/cli/support/relay-client.js';
import type { DoorAdmin } from '../../src/operators/doors.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { sdkFor } from '../support/sdk.js';
import { loginTestSite, mailedCode, type TestSite } from '../support/site.js';
import { failure } from './support/errors.js';

const PASSWORD = 'correct horse battery';

describe('the SDK and the real relay', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let site: TestSite;
  let openLock: OpenLock;
  const doors: SimulatedDoor[] = [];

  before(async () => {
    redis = await startTestRedis();
    // Tokens of 5 s: whatever takes longer has to renew them.
    relay = await startTestRelay(redis.url, { OPENLOCK_ACCESS_TOKEN_SECONDS: '5' });
    admin = doorAdmin(await redis.link('openlock-cli'));
  });
  beforeEach(async () => {
    site = await loginTestSite(relay, `owner-${Date.now()}@example.test`);
    openLock = sdkFor(relay, site);
  });
  afterEach(async () => {
    openLock.close();
    await Promise.all(doors.splice(0).map((door) => door.stop()));
    await site.stop();
  });
  after(async () => {
    await relay?.stop();
    await redis?.stop();
  });

  async function liveDoor(doorId: string): Promise<SimulatedDoor> {
    const { enrolmentToken } = await admin.add(doorId);
    const door = new SimulatedDoor({ doorId, relayUrl: relay.url, ca: relay.ca, enrolmentToken, password: PASSWORD });
    doors.push(door);
    await door.start();
    await admin.grant(doorId, site.siteId, { role: 'manager' });
    return door;
  }

  it('logs a website in, renews its tokens and signs it out', async () => {
    let challenge = '';
    const website: Server = createServer((_request, response) => response.end(challenge));
    await new Promise<void>((resolve) => website.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(website.address() as AddressInfo).port}`;
    const storage = new MemoryTokenStorage();
    const fetch = relayFetch({ host: '127.0.0.1', port: relay.port, tls: true, ca: [relay.ca] });
    const sdk = new OpenLock({ url: relay.url, fetch, storage });
    try {
      const login = await sdk.login({ email: 'sdk@example.test', website: origin });
      const code = await mailedCode(relay, origin);
      expect((await failure(sdk.token({ loginId: login.loginId, code }), OpenLockError)).code).to.equal(
        'website_unverified',
      );
      challenge = login.website.challenge.token;
      expect(await sdk.token({ loginId: login.loginId, code })).to.include({ origin, email: 'sdk@example.test' });
      const first = storage.load()?.accessToken;
      expect(await sdk.doors()).to.deep.equal([]);
      await until(() => Date.now() >= (storage.load()?.renewAt ?? 0));
      await Promise.all([sdk.doors(), sdk.doors(), sdk.doors()]);
      expect(storage.load()?.accessToken).to.not.equal(first);
      const copy = storage.load();
      await sdk.revoke();
      const revived = new OpenLock({ url: relay.url, fetch, ...(copy !== undefined && { tokens: copy }) });
      expect((await failure(revived.doors(), OpenLockError)).code).to.be.oneOf(['token_revoked', 'token_expired']);
    } finally {
      website.close();
    }
  });

  it('does all the acts, and follows a rotated key only when told', async () => {
    const door = await liveDoor('all-acts');
    const mine = openLock.door('all-acts', { kid: door.kid });
    await mine.unlock({ password: PASSWORD, holdMs: 0 });
    expect((await mine.status({ password: PASSWORD })).state.lock).to.equal('unlocked');
    await mine.lock({ password: PASSWORD });
    await mine.configure({ password: PASSWORD, params: { doorPassword: 'a new password', autoRelockMs: 1_000 } });
    expect((await failure(mine.lock({ password: PASSWORD }), DoorRefusedError)).receiptCode).to.equal('bad_credential');
    const before = door.kid;
    const { newKid } = await mine.rotateKey({ password: 'a new password' });
    await until(() => door.kid === newKid);
    await until(async () => (await mine.summary()).online);
    const error = await failure(mine.lock({ password: 'a new password' }), KeyChangedError);
    expect(error).to.include({ pinnedKid: before, servedKid: newKid });
    await mine.repin(newKid);
    expect((await mine.lock({ password: 'a new password' })).receipt.code).to.equal('ok');
  });

  it('refuses the key of a door that was swapped', async () => {
    const first = await liveDoor('swapped');
    const store = new MemoryPinStore();
    await openLock.door('swapped', { trustOnFirstUse: store }).lock({ password: PASSWORD });
    expect(store.get('swapped')).to.equal(first.kid);
    await first.stop();
    const { enrolmentToken } = await admin.reset('swapped');
    const second = new SimulatedDoor({
      doorId: 'swapped',
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken,
      password: PASSWORD,
    });
    doors.push(second);
    await second.start();
    await failure(openLock.door('swapped', { trustOnFirstUse: store }).lock({ password: PASSWORD }), KeyChangedError);
    expect(second.executions).to.have.lengthOf(0);
  });

  it('says what the relay refuses', async () => {
    const door = await liveDoor('refusals');
    const mine = openLock.door('refusals', { kid: door.kid });
    await admin.grant('refusals', site.siteId, { role: 'viewer' });
    expect((await failure(mine.unlock({ password: PASSWORD }), OpenLockError)).code).to.equal('action_not_allowed');
    expect(
      (await failure(openLock.door('no-such-door', { kid: door.kid }).unlock({ password: PASSWORD }), OpenLockError))
        .code,
    ).to.equal('door_not_found');
    await admin.grant('refusals', site.siteId, { role: 'user' });
    await mine.lock({ password: PASSWORD });
    await door.stop();
    await until(async () => !(await mine.liveStatus()).online);
    expect((await failure(mine.lock({ password: PASSWORD }), OpenLockError)).code).to.equal('door_offline');
  });

  it('keeps a stream of events open beyond the life of its token, on one socket', async () => {
    const door = await liveDoor('long-stream');
    const seen: StreamEvent[] = [];
    const stream = openLock.events(['long-stream']);
    for (const type of ['connected', 'disconnected', 'ended'] as const) stream.on(type, (event) => seen.push(event));
    const events: string[] = [];
    stream.on('event', ({ kind }) => events.push(kind));
    await until(() => seen.length === 1);
    const openedAt = Date.now();
    const mine = openLock.door('long-stream', { kid: door.kid });
    await until(() => Date.now() - openedAt > 6_500, 9_000);
    await mine.unlock({ password: PASSWORD, transport: 'socket' });
    await until(() => events.includes('unlocked'));
    expect(seen).to.deep.equal([{ type: 'connected', resumed: false }]);
    stream.close();
  });

  it('ends its streams when the session is revoked elsewhere', async () => {
    await liveDoor('revoked');
    const stream = openLock.events(['revoked']);
    const ended = new Promise<StreamEvent>((resolve) => stream.on('ended', resolve));
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    const elsewhere = sdkFor(relay, site);
    await elsewhere.revoke();
    const event = await ended;
    expect(event.type === 'ended' && event.error?.code).to.equal('token_revoked');
  });

  it('keeps the streams of the doors it may see when one of many is hidden from it', async () => {
    await liveDoor('seen-door');
    await admin.add('hidden-door');
    const refused: string[] = [];
    const stream = openLock.events(['hidden-door', 'seen-door', 'no-such-door']);
    stream.on('refused', ({ door }) => refused.push(door));
    await new Promise<void>((resolve) => stream.on('connected', () => resolve()));
    expect(refused.sort()).to.deep.equal(['hidden-door', 'no-such-door']);
    const presence = new Promise<boolean>((resolve) => stream.on('presence', ({ online }) => resolve(online)));
    await doors[0]?.stop();
    expect(await presence).to.equal(false);
  });
});
