import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';

import { expect } from 'chai';
import jwt from 'jsonwebtoken';

import { systemClock } from '../../src/clock.js';
import type { DoorAdmin } from '../../src/operators/doors.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { SigningKeys, type SigningKey } from '../../src/sites/signing-keys.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal, type Sealed, type SealRequest } from '../simulator/support/seal.js';
import { openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, loginTestSite, type HttpAnswer, type TestSite } from '../support/site.js';
import { ClientSocket } from './support/client-socket.js';
import { RawDoor } from './support/raw-door.js';
import { spellings } from './support/spellings.js';

const PASSWORD = 'correct horse battery';
const DOOR = 'front-door';

/** The bad input, against a whole relay with a real door behind it: each attack and what must come of it. */
describe('attacks', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let site: TestSite;
  let stranger: TestSite;
  let identity: DoorIdentity;
  let door: SimulatedDoor;

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    identity = await testIdentity();
    admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(relay);
    stranger = await loginTestSite(relay, 'stranger@example.test');
    const { enrolmentToken } = await admin.add(DOOR, {});
    await admin.grant(DOOR, site.siteId, { role: 'user' });
    door = new SimulatedDoor({
      doorId: DOOR,
      relayUrl: relay.url,
      ca: relay.ca,
      enrolmentToken,
      password: PASSWORD,
      keyPair: identity,
    });
    await door.start();
  });

  /** Failed authentication counts against the address (protocol 8.2); these tests fail on purpose, more often than twenty times. */
  afterEach(async () => {
    const link = await openAdmin(redis);
    const failures = await link.client.keys('ol:failures*');
    if (failures.length > 0) await link.client.del(...failures);
    await link.close();
  });

  after(async () => {
    await door?.stop();
    await site?.stop();
    await stranger?.stop();
    await relay?.stop();
    await redis?.stop();
  });

  const command = (more: Partial<SealRequest> = {}): Sealed =>
    seal({ publicPem: identity.publicPem, kid: identity.kid, door: DOOR, password: PASSWORD, act: 'unlock', ...more });
  const post = (
    jwe: unknown,
    options: { token?: string; headers?: Record<string, string>; door?: string } = {},
  ): Promise<HttpAnswer> =>
    call(relay, 'POST', `/v1/doors/${options.door ?? DOOR}/commands`, {
      token: options.token ?? site.accessToken,
      body: { jwe },
      ...(options.headers !== undefined && { headers: options.headers }),
    });
  const statusOf = (opening: Promise<ClientSocket>): Promise<unknown> =>
    opening.then(
      (socket) => (socket.close(), 101),
      (error: { status?: number }) => error.status,
    );

  describe('forged tokens', () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    let key: SigningKey;
    let claims: Record<string, unknown>;
    let other: KeyObject;

    before(async () => {
      key = (await SigningKeys.load(`${relay.dataDir}/secrets`, systemClock)).newest;
      claims = jwt.decode(site.accessToken) as Record<string, unknown>;
      other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    });

    const sign = (payload: object, header: object = {}, by: KeyObject = key.privateKey): string =>
      jwt.sign(payload, by, { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header } });
    const hmac = (secret: string | Buffer): string => {
      const input = `${part({ alg: 'HS256', typ: 'at+jwt', kid: key.kid })}.${part(claims)}`;
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    };

    const FORGERIES: Record<string, () => string> = {
      'no token at all': () => 'x',
      'three empty parts': () => 'a.b.c',
      'another key under our key id': () => sign(claims, {}, other),
      'an unknown key id': () => sign(claims, { kid: 'nobody' }),
      'alg none': () => `${part({ alg: 'none', typ: 'at+jwt', kid: key.kid })}.${part(claims)}.`,
      'alg none with the old signature': () =>
        `${part({ alg: 'none', typ: 'at+jwt', kid: key.kid })}.${part(claims)}.${site.accessToken.split('.')[2] ?? ''}`,
      'HS256 with the public key as the secret': () => hmac(key.publicKey.export({ type: 'spki', format: 'pem' })),
      'HS256 with the public key in DER as the secret': () =>
        hmac(key.publicKey.export({ type: 'spki', format: 'der' })),
      'a key of its own in the header': () =>
        sign(claims, { jwk: other.export({ format: 'jwk' }), kid: undefined }, other),
      'another type': () => sign(claims, { typ: 'JWT' }),
      'another audience': () => sign({ ...claims, aud: 'somebody' }),
      'another issuer': () => sign({ ...claims, iss: 'https://elsewhere.example' }),
      'another site in the payload': () => {
        const [header = '', , signature = ''] = site.accessToken.split('.');
        return `${header}.${part({ ...claims, sub: stranger.siteId })}.${signature}`;
      },
      'no end': () => sign(Object.fromEntries(Object.entries(claims).filter(([name]) => name !== 'exp'))),
      'padding behind it': () => `${site.accessToken}=`,
    };

    for (const [name, make] of Object.entries(FORGERIES)) {
      it(`${name}: 401 unauthenticated, on HTTP and on the socket`, async () => {
        const token = make();
        for (const answer of [await call(relay, 'GET', '/v1/doors', { token }), await post(command().jwe, { token })]) {
          expect(answer.status).to.equal(401);
          expect(answer.body['code']).to.equal('unauthenticated');
        }
        expect(await statusOf(ClientSocket.open(relay, token))).to.equal(401);
      });
    }

    it('an expired one: 401 token_expired', async () => {
      const token = sign({ ...claims, iat: 1, exp: Math.floor(Date.now() / 1000) - 1 });
      const answer = await post(command().jwe, { token });
      expect(answer.status).to.equal(401);
      expect(answer.body['code']).to.equal('token_expired');
      expect(await statusOf(ClientSocket.open(relay, token))).to.equal(401);
    });

    it('a true one of a session that never was: 401 token_revoked', async () => {
      const answer = await post(command().jwe, { token: sign({ ...claims, sid: 'invented' }) });
      expect(answer.status).to.equal(401);
      expect(answer.body['code']).to.equal('token_revoked');
    });

    it('and none of them opened anything', () => {
      expect(door.executed).to.equal(0);
    });
  });

  describe("another site's door", () => {
    /** Everything but the request id, which differs in every answer. */
    const plain = ({ status, body }: HttpAnswer): object => ({
      status,
      ...Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'requestId')),
    });

    it('answers exactly like one that does not exist, on every route', async () => {
      const { accessToken: token } = stranger;
      const sealed = command();
      const ask = async (doorId: string): Promise<object[]> =>
        Promise.all([
          call(relay, 'GET', `/v1/doors/${doorId}`, { token }).then(plain),
          call(relay, 'GET', `/v1/doors/${doorId}/key`, { token }).then(plain),
          call(relay, 'GET', `/v1/doors/${doorId}/status`, { token }).then(plain),
          call(relay, 'GET', `/v1/doors/${doorId}/commands/${sealed.id}`, { token }).then(plain),
          post(command({ door: doorId }).jwe, { token, door: doorId }).then(plain),
        ]);
      const theirs = await ask(DOOR);
      expect(theirs).to.deep.equal(await ask('no-such-door'));
      for (const answer of theirs) expect(answer).to.include({ status: 404, code: 'door_not_found' });
      expect((await call(relay, 'GET', '/v1/doors', { token })).body).to.deep.equal({ doors: [] });
    });

    it('and on the client socket', async () => {
      const socket = await ClientSocket.open(relay, stranger.accessToken);
      for (const frame of [
        { t: 'status', door: DOOR },
        { t: 'subscribe', doors: [DOOR] },
        { t: 'command', door: DOOR, jwe: command().jwe },
      ]) {
        expect(await socket.ask(frame)).to.include({ t: 'error', code: 'door_not_found' });
      }
      socket.close();
    });

    it('tells nothing of a command of the other site, not even its state', async () => {
      const { enrolmentToken } = await admin.add('shared-door', {});
      for (const { siteId } of [site, stranger]) await admin.grant('shared-door', siteId, { role: 'user' });
      const shared = new SimulatedDoor({
        doorId: 'shared-door',
        relayUrl: relay.url,
        ca: relay.ca,
        enrolmentToken,
        password: PASSWORD,
        keyPair: identity,
      });
      await shared.start();
      const sealed = command({ door: 'shared-door' });
      expect((await post(sealed.jwe, { door: 'shared-door' })).status).to.equal(200);
      const stolen = await post(sealed.jwe, { door: 'shared-door', token: stranger.accessToken });
      expect(stolen.status).to.equal(409);
      expect(stolen.body).to.include({ code: 'replayed' }).and.to.not.have.property('state');
      const record = await call(relay, 'GET', `/v1/doors/shared-door/commands/${sealed.id}`, {
        token: stranger.accessToken,
      });
      expect(record.body['code']).to.equal('command_not_found');
      await shared.stop();
    });
  });

  describe('old, future and used envelopes', () => {
    it('one from outside the minute is refused either way, and may not come back as another problem', async () => {
      for (const offsetMs of [-61_500, 61_500, -86_400_000, 86_400_000]) {
        const answer = await post(command({ iat: Date.now() + offsetMs }).jwe);
        expect(answer.status).to.equal(422);
        expect(answer.body['code']).to.equal('stale_timestamp');
      }
    });

    it('a used one is refused in every spelling, and the door moved once', async () => {
      const before = door.executed;
      const sealed = command();
      expect((await post(sealed.jwe)).status).to.equal(200);
      const again = await post(sealed.jwe);
      expect(again.status).to.equal(409);
      expect(again.body).to.include({ code: 'replayed', commandId: sealed.id, state: 'executed' });
      for (const spelling of spellings(sealed.jwe)) {
        const answer = await post(spelling);
        expect(answer.status, spelling.slice(0, 40)).to.equal(400);
        expect(answer.body['code']).to.equal('invalid_envelope');
      }
      expect(door.executed).to.equal(before + 1);
    });

    it('the same jti in a fresh envelope passes the relay and is refused by the door', async () => {
      const first = command();
      await post(first.jwe);
      const second = command({ jti: first.jti });
      const answer = await post(second.jwe);
      expect(answer.status).to.equal(422);
      expect(second.open(answer.body['receipt'] as string).code).to.equal('replayed');
    });

    it('one whose header was touched up is a bare 400 of the door', async () => {
      const sealed = command({ iat: Date.now() - 30_000 });
      const [header = '', ...rest] = sealed.jwe.split('.');
      const fresher = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
      const touched = [
        Buffer.from(JSON.stringify({ ...fresher, iat: Date.now() })).toString('base64url'),
        ...rest,
      ].join('.');
      const answer = await post(touched);
      expect(answer.status).to.equal(422);
      expect(answer.body).to.include({ code: 'door_refused', status: 400 }).and.to.not.have.property('receipt');
    });

    it('one for another door, another scope than the role, or another key is refused by the relay', async () => {
      expect((await post(command({ door: 'back-door' }).jwe)).body['code']).to.equal('invalid_envelope');
      expect((await post(command({ scope: 'configure' }).jwe)).body['code']).to.equal('action_not_allowed');
      expect((await post(command({ kid: Buffer.alloc(32, 1).toString('base64url') }).jwe)).body['code']).to.equal(
        'wrong_key',
      );
    });
  });

  describe('foreign origins', () => {
    for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1', '']) {
      it(`Origin: ${origin === '' ? '(empty)' : origin} with a good token is 403 on HTTP and on the upgrade, with no allow header`, async () => {
        const answer = await post(command().jwe, { headers: { origin } });
        expect(answer.status).to.equal(403);
        expect(answer.body['code']).to.equal('forbidden_origin');
        expect(answer.headers).to.not.have.property('access-control-allow-origin');
        expect(await statusOf(ClientSocket.open(relay, site.accessToken, { origin }))).to.equal(403);
      });
    }

    it("the site's own origin is let in on both", async () => {
      const { origin } = site;
      const answer = await call(relay, 'GET', '/v1/doors', { token: site.accessToken, headers: { origin } });
      expect(answer.status).to.equal(200);
      expect(answer.headers['access-control-allow-origin']).to.equal(origin);
      expect(await statusOf(ClientSocket.open(relay, site.accessToken, { origin }))).to.equal(101);
    });

    it('device routes refuse any origin', async () => {
      for (const [path, body] of [
        ['/v1/devices/challenge', { doorId: DOOR }],
        ['/v1/devices/register', {}],
      ] as const) {
        const answer = await call(relay, 'POST', path, { body, headers: { origin: site.origin } });
        expect(answer.status).to.equal(403);
        expect(answer.body['code']).to.equal('forbidden_origin');
      }
      const headers = { ...(await RawDoor.session(relay, DOOR, identity)), origin: site.origin };
      const refused = await RawDoor.open(relay, headers).catch((error: Error) => error.message);
      expect(refused).to.match(/403/);
    });
  });

  it('a door cannot settle the command of another door', async () => {
    const { enrolmentToken } = await admin.add('slow-door', {});
    await admin.grant('slow-door', site.siteId, { role: 'user' });
    const slow = await RawDoor.live(relay, await RawDoor.session(relay, 'slow-door', identity, enrolmentToken));
    const { enrolmentToken: another } = await admin.add('liar-door', {});
    const liar = await RawDoor.live(relay, await RawDoor.session(relay, 'liar-door', identity, another));
    const sealed = command({ door: 'slow-door' });
    const answer = post(sealed.jwe, { door: 'slow-door' });
    await slow.frame('command');
    liar.send({ t: 'result', id: sealed.id, status: 200, receipt: 'forged' });
    liar.send({ t: 'keepalive' });
    await liar.frame('keepalive'); // its lie has been read by now
    slow.send({ t: 'result', id: sealed.id, status: 400 });
    expect((await answer).body)
      .to.include({ code: 'door_refused', state: 'refused' })
      .and.to.not.have.property('receipt');
    slow.close();
    liar.close();
  });
});
