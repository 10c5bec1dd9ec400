import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import type { KeyAdmin } from '../../src/operators/keys.js';
import { challenge, makeRawKey, register, signJws, FIRMWARE, type RawKey } from '../support/raw-door.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, keyAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call } from '../support/site.js';

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
    expect((await register(relay, doorId, otherKey)).body['code']).to.equal('wrong_key');
    expect(
      (await register(relay, doorId, otherKey, { oldKey: otherKey })).body['code'],
      'signed by the new key',
    ).to.equal('wrong_key');
    const rotated = await register(relay, doorId, otherKey, { oldKey: key });
    expect([rotated.status, rotated.body['kid']]).to.deep.equal([200, otherKey.kid]);
    expect((await register(relay, doorId, key)).body['code'], 'the old key is no longer the door').to.equal(
      'wrong_key',
    );
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
});
