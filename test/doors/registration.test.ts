import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import type { KeyAdmin } from '../../src/operators/keys.js';
import { challenge, makeRawKey, register, signJws, FIRMWARE, type RawKey } from '../support/raw-door.js';
import { doorKeys } from '../../src/store/keys.js';
import { openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, keyAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, type HttpAnswer } from '../support/site.js';

describe('registration of doors (protocol 4)', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let keys: KeyAdmin;
  const key = makeRawKey();
  const otherKey = makeRawKey();
  let doors = 0;

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url, { OPENLOCK_PUBLIC_URL: '' });
    const link = await redis.link('openlock-cli');
    admin = doorAdmin(link);
    keys = keyAdmin(link);
  });

  after(async () => {
    await relay.stop();
    await redis.stop();
  });

  /** Failed proofs count against the address (protocol 8.2), and here are more than twenty of them. */
  afterEach(async () => {
    const link = await openAdmin(redis);
    const counted = await link.client.keys('ol:failures*');
    if (counted.length > 0) await link.client.del(...counted);
    await link.close();
  });

  /** A door with an unused enrolment token. */
  async function newDoor(kid?: string): Promise<{ doorId: string; enrolmentToken: string }> {
    doors += 1;
    return admin.add(`door-${doors}`, { kid });
  }

  async function boundDoor(): Promise<string> {
    const { doorId, enrolmentToken } = await newDoor();
    expect((await register(relay, doorId, key, { enrolmentToken })).status).to.equal(200);
    return doorId;
  }

  it('binds the key with the enrolment token and answers as the protocol says', async () => {
    const { doorId, enrolmentToken } = await newDoor();
    const { status, body } = await register(relay, doorId, key, { enrolmentToken });
    expect(status).to.equal(200);
    expect(body).to.include({
      expiresInSeconds: 86_400,
      socketPath: '/v1/devices/socket',
      keepAliveSeconds: 10,
      kid: key.kid,
    });
    expect(body['sessionToken']).to.match(/^[A-Za-z0-9_-]{43}$/);
    expect(body['time']).to.be.closeTo(Date.now(), 2000);
  });

  it('needs no token once bound, and ignores a wrong one, so that a lost answer can be repeated', async () => {
    const doorId = await boundDoor();
    expect((await register(relay, doorId, key)).status).to.equal(200);
    expect((await register(relay, doorId, key, { enrolmentToken: 'whatever' })).status).to.equal(200);
  });

  it('refuses a first registration without token, with a wrong one, and with one of another door', async () => {
    const { doorId } = await newDoor();
    const other = await newDoor();
    for (const over of [{}, { enrolmentToken: 'wrong' }, { enrolmentToken: other.enrolmentToken }]) {
      const { status, body } = await register(relay, doorId, key, over);
      expect([status, body['code']]).to.deep.equal([401, 'unauthenticated']);
    }
  });

  it('answers an unknown door like one whose token is wrong', async () => {
    const { doorId } = await newDoor();
    const unknown = await register(relay, 'no-such-door', key, { enrolmentToken: 'wrong' });
    const known = await register(relay, doorId, key, { enrolmentToken: 'wrong' });
    const shape = ({ status, body }: typeof known): object => ({ status, ...body, requestId: '' });
    expect(shape(unknown)).to.deep.equal(shape(known));
  });

  it('lets only the announced key enrol', async () => {
    const { doorId, enrolmentToken } = await newDoor(key.kid);
    expect((await register(relay, doorId, otherKey, { enrolmentToken })).body['code']).to.equal('wrong_key');
    expect((await register(relay, doorId, key, { enrolmentToken })).status).to.equal(200);
  });

  it('refuses another key, unless the old one signs the change', async () => {
    const doorId = await boundDoor();
    expect((await register(relay, doorId, otherKey)).body['code']).to.equal('unauthenticated');
    expect(
      (await register(relay, doorId, otherKey, { oldKey: otherKey })).body['code'],
      'signed by the new key',
    ).to.equal('unauthenticated');
    const rotated = await register(relay, doorId, otherKey, { oldKey: key });
    expect([rotated.status, rotated.body['kid']]).to.deep.equal([200, otherKey.kid]);
    expect((await register(relay, doorId, key)).body['code'], 'the old key is no longer the door').to.equal(
      'wrong_key',
    );
  });

  it('tells a key that the door once had that there is another now, also after a reset', async () => {
    const doorId = await boundDoor();
    const { enrolmentToken } = await admin.reset(doorId);
    expect((await register(relay, doorId, key)).status, 'no key, and no token').to.equal(401);
    expect((await register(relay, doorId, otherKey, { enrolmentToken })).status).to.equal(200);
    expect((await register(relay, doorId, key)).body['code']).to.equal('wrong_key');
  });

  it('remembers eight such keys', async () => {
    const doorId = await boundDoor();
    const link = await redis.link('openlock-cli');
    for (let count = 1; count <= 9; count += 1) {
      const { enrolmentToken } = await admin.reset(doorId);
      await link.client.hset(doorKeys(doorId).record, 'kid', `kid-${count}`);
      expect(enrolmentToken).to.be.a('string');
    }
    await admin.reset(doorId);
    const kids = (await link.client.hget(doorKeys(doorId).record, 'kidsBefore'))?.split(' ');
    expect(kids).to.deep.equal([9, 8, 7, 6, 5, 4, 3, 2].map((count) => `kid-${count}`));
  });

  describe('a stranger with a key and a proof of its own', () => {
    const stranger = makeRawKey();
    const shape = ({ status, body, headers }: HttpAnswer): object => ({
      status,
      ...body,
      requestId: '',
      headers: Object.keys(headers).sort(),
    });

    it('cannot tell a door that has a key, one that waits for it, a disabled one, and none at all apart', async () => {
      const bound = await boundDoor();
      const disabled = await boundDoor();
      await admin.disable(disabled);
      const { doorId: waiting } = await newDoor();
      const none = shape(await register(relay, 'no-such-door', stranger, { oldKey: key }));
      for (const doorId of [bound, disabled, waiting]) {
        for (const over of [{}, { oldKey: stranger }, { enrolmentToken: 'guessed' }])
          expect(shape(await register(relay, doorId, stranger, over)), doorId).to.deep.equal(none);
      }
      await keys.ban(stranger.kid);
      expect(shape(await register(relay, bound, stranger)), 'whose key is banned').to.deep.equal(none);
      await keys.unban(stranger.kid);
    });

    it('costs the store no memory, though its proof is good', async () => {
      const doorId = await boundDoor();
      const link = await redis.link('openlock-cli');
      const before = await link.client.zcard(doorKeys(doorId).nonces);
      await register(relay, doorId, stranger);
      expect(await link.client.zcard(doorKeys(doorId).nonces)).to.equal(before);
    });
  });

  it('remembers at most 64 challenges a door used', async () => {
    const doorId = await boundDoor();
    const link = await redis.link('openlock-cli');
    const later = Date.now() + 60_000;
    for (let count = 0; count < 63; count += 1)
      await link.client.zadd(doorKeys(doorId).nonces, later, `nonce-${count}`);
    const answer = await register(relay, doorId, key);
    expect([answer.status, answer.body['code']]).to.deep.equal([429, 'rate_limited']);
    expect(await link.client.zcard(doorKeys(doorId).nonces)).to.equal(64);
  });

  const badProofs: [string, (doorId: string) => Parameters<typeof register>[3]][] = [
    ['for another door', () => ({ claims: { door: 'another-door' } })],
    ['for another relay', () => ({ claims: { aud: 'https://evil.example' } })],
    ['with a made-up nonce', () => ({ claims: { nonce: 'A'.repeat(56) } })],
    ['with another algorithm in the header', () => ({ header: { alg: 'HS256' } })],
    ['with alg none', () => ({ header: { alg: 'none' } })],
    ['of another type', () => ({ header: { typ: 'JWT' } })],
    ['with a foreign kid', () => ({ header: { kid: otherKey.kid } })],
    ['with a crit header', () => ({ header: { crit: ['b64'], b64: false } })],
    ['with an embedded key', () => ({ header: { jwk: {} } })],
    ['without firmware', () => ({ claims: { firmware: undefined } })],
    [
      'signed by another key',
      (doorId) => ({ body: { proof: signJws(otherKey, 'openlock-proof+jws', { door: doorId }, { kid: key.kid }) } }),
    ],
    ['that is no JWS', () => ({ body: { proof: 'a.b.c' } })],
  ];
  for (const [name, over] of badProofs) {
    it(`refuses a proof ${name}`, async () => {
      const { doorId, enrolmentToken } = await newDoor();
      const { status, body } = await register(relay, doorId, key, { enrolmentToken, ...over(doorId) });
      expect([status, body['code']]).to.deep.equal([401, 'unauthenticated']);
    });
  }

  it('takes a nonce once, and only for the door it was made for', async () => {
    const doorId = await boundDoor();
    const nonce = await challenge(relay, doorId);
    const other = await boundDoor();
    expect((await register(relay, other, key, { claims: { nonce } })).status).to.equal(401);
    expect((await register(relay, doorId, key, { claims: { nonce } })).status).to.equal(200);
    expect((await register(relay, doorId, key, { claims: { nonce } })).status).to.equal(401);
  });

  const badKeys: [string, () => string][] = [
    ['of 1024 bits', () => makeRawKey(1024).pem],
    ['with e = 3', () => makeRawKey(2048, 3).pem],
    ['that is private', () => key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['that is no PEM', () => 'hello'],
    ['followed by rubbish', () => `${key.pem}-----BEGIN`],
  ];
  for (const [name, pem] of badKeys) {
    it(`refuses a key ${name}`, async () => {
      const { doorId, enrolmentToken } = await newDoor();
      const { status, body } = await register(relay, doorId, key, { enrolmentToken, body: { publicKey: pem() } });
      expect([status, body['code']]).to.deep.equal([400, 'invalid_request']);
    });
  }

  it('answers unknown doors at the challenge alike, and stores nothing for them', async () => {
    const link = await redis.link('openlock-count');
    const keyCount = async (): Promise<number> =>
      Number(/keys=(\d+)/.exec(await link.client.info('keyspace'))?.[1] ?? 0);
    const before = await keyCount();
    const { status, body } = await call(relay, 'POST', '/v1/devices/challenge', {
      body: { doorId: 'nobody-knows-it' },
    });
    expect(status).to.equal(200);
    expect(body).to.include({ expiresInSeconds: 60 });
    expect(await keyCount()).to.be.at.most(before);
  });

  it('refuses banned keys, also when the ban comes before the registration', async () => {
    const banned: RawKey = makeRawKey();
    const { doorId, enrolmentToken } = await newDoor();
    await keys.ban(banned.kid);
    expect((await register(relay, doorId, banned, { enrolmentToken })).body['code']).to.equal('key_banned');
    await keys.unban(banned.kid);
    expect((await register(relay, doorId, banned, { enrolmentToken })).status).to.equal(200);
    expect(await keys.ban(banned.kid)).to.deep.equal([doorId]);
    expect((await register(relay, doorId, banned)).body['code']).to.equal('key_banned');
  });

  it('refuses a disabled door until it is enabled, and a removed one for good', async () => {
    const doorId = await boundDoor();
    await admin.disable(doorId);
    expect((await register(relay, doorId, key)).body['code']).to.equal('door_disabled');
    await admin.enable(doorId);
    expect((await register(relay, doorId, key)).status).to.equal(200);
    await admin.remove(doorId);
    expect((await register(relay, doorId, key)).status).to.equal(401);
  });

  it('gives a reset door to a new key with its new token', async () => {
    const doorId = await boundDoor();
    const { enrolmentToken } = await admin.reset(doorId);
    expect((await register(relay, doorId, otherKey, { enrolmentToken })).status).to.equal(200);
  });

  it('accepts unknown members from a newer door (protocol 2.1)', async () => {
    const { doorId, enrolmentToken } = await newDoor();
    const answer = await register(relay, doorId, key, {
      enrolmentToken,
      claims: { later: 1, firmware: { ...FIRMWARE, later: 1 } },
      body: { later: 1 },
    });
    expect(answer.status).to.equal(200);
  });

  describe('that fails too often', () => {
    it('blocks its address at the twentieth', async () => {
      const doorId = await boundDoor();
      const stranger = makeRawKey();
      for (let count = 0; count < 20; count += 1)
        expect((await register(relay, doorId, stranger)).status).to.equal(401);
      expect((await register(relay, doorId, stranger)).body['code']).to.equal('ip_blocked');
      expect((await register(relay, doorId, key)).status, 'a good proof passes (8.2)').to.equal(200);
    });
  });
});
