import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal, type Sealed } from '../simulator/support/seal.js';
import { liveDoor, makeRawKey, type RawKey, type RawSocket } from '../support/raw-door.js';
import { freePorts, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, loginTestSite, type HttpAnswer, type TestSite } from '../support/site.js';

const PASSWORD = 'correct horse battery';

/** Doors are on A; the site asks A and B. */
describe('GET /v1/doors/:doorId/challenge (protocol 19.4)', () => {
  let redis: TestRedis;
  let a: TestRelay;
  let b: TestRelay;
  let admin: DoorAdmin;
  let site: TestSite;
  let key: RawKey;
  let secretsDir: string;
  let doorCount = 0;
  const sockets: RawSocket[] = [];

  before(async () => {
    redis = await startTestRedis();
    key = makeRawKey();
    secretsDir = mkdtempSync(join(tmpdir(), 'openlock-secrets-'));
    const [portA, portB] = await freePorts(2);
    const shared = {
      OPENLOCK_SECRETS_DIR: secretsDir,
      OPENLOCK_PUBLIC_URL: `https://localhost:${portA} https://localhost:${portB}`,
    };
    a = await startTestRelay(redis.url, { ...shared, OPENLOCK_PORT: String(portA), OPENLOCK_NODE_ID: 'relay-a' });
    b = await startTestRelay(redis.url, { ...shared, OPENLOCK_PORT: String(portB), OPENLOCK_NODE_ID: 'relay-b' });
    admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(a);
  });

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.ws.terminate();
  });

  after(async () => {
    await site?.stop();
    await a?.stop();
    await b?.stop();
    await redis?.stop();
    rmSync(secretsDir, { recursive: true, force: true });
  });

  /** A live door on A whose answer to each question is `answer`; `undefined`: it says nothing, like one of old. */
  async function addDoor(
    answer: (frame: Record<string, unknown>) => unknown,
    role: 'viewer' | 'none' = 'viewer',
  ): Promise<{ doorId: string; socket: RawSocket }> {
    doorCount += 1;
    const doorId = `door-${doorCount}`;
    const { enrolmentToken } = await admin.add(doorId, {});
    if (role === 'viewer') await admin.grant(doorId, site.siteId, { role });
    const socket = await liveDoor(a, doorId, key, enrolmentToken);
    sockets.push(socket);
    socket.ws.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
      const said = frame['t'] === 'challenge' || frame['t'] === 'status' ? answer(frame) : undefined;
      if (said !== undefined) socket.send(said);
    });
    return { doorId, socket };
  }

  const ask = (relay: TestRelay, doorId: string): Promise<HttpAnswer> =>
    call(relay, 'GET', `/v1/doors/${doorId}/challenge`, { token: site.accessToken });
  const good = (frame: Record<string, unknown>): object => ({
    t: frame['t'],
    id: frame['id'],
    challenge: randomBytes(32).toString('base64url'),
    state: { lock: 'locked', mode: 'normal', clock: 'unsure' },
  });

  it('brings what the door made, on the relay that has it and through another', async () => {
    const { doorId, socket } = await addDoor(good);
    const made = (): unknown[] => socket.log.map((entry) => 'frame' in entry && entry.frame);
    for (const relay of [a, b]) {
      const { status, body } = await ask(relay, doorId);
      expect(status).to.equal(200);
      expect(body).to.have.keys('challenge', 'expiresInSeconds');
      expect(body['challenge']).to.match(/^[A-Za-z0-9_-]{43}$/);
      expect(body['expiresInSeconds']).to.equal(30);
    }
    for (const frame of made().slice(1)) expect(frame).to.have.keys('t', 'id');
  });

  it('lets a site open a door that cannot be sure of its clock, through another relay', async () => {
    const identity = await testIdentity();
    const doorId = 'door-without-sntp';
    const { enrolmentToken } = await admin.add(doorId, {});
    await admin.grant(doorId, site.siteId, { role: 'user' });
    const door = new SimulatedDoor({
      doorId,
      relayUrl: a.url,
      ca: a.ca,
      password: PASSWORD,
      keyPair: identity,
      enrolmentToken,
      sntp: () => undefined,
    });
    await door.start();
    try {
      const send = async (sealed: Sealed): Promise<{ status: number; code: string }> => {
        const { status, body } = await call(b, 'POST', `/v1/doors/${doorId}/commands`, {
          token: site.accessToken,
          body: { jwe: sealed.jwe },
        });
        return { status, code: sealed.open(body['receipt'] as string).code };
      };
      const request = { publicPem: identity.publicPem, kid: identity.kid, door: doorId, password: PASSWORD };
      const plain = seal({ ...request, act: 'unlock' });
      expect(await send(plain)).to.deep.equal({ status: 422, code: 'challenge_required' });
      const { challenge } = (await ask(b, doorId)).body;
      const bound = seal({ ...request, act: 'unlock', jti: plain.jti, body: { challenge } });
      expect(await send(bound)).to.deep.equal({ status: 200, code: 'ok' });
      expect(door.executed).to.equal(1);
    } finally {
      await door.stop();
    }
  });

  it('asks the door anew for everybody who asks at once: a challenge is good for one command', async () => {
    const { doorId } = await addDoor(good);
    const answers = await Promise.all([...'aabbaabb'].map((relay) => ask(relay === 'a' ? a : b, doorId)));
    expect(new Set(answers.map(({ body }) => body['challenge'])).size).to.equal(8);
  });

  it('does not count the answers against the door, however many ask', async () => {
    const { doorId, socket } = await addDoor(good);
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(a, doorId)));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 200));
    }
    expect(socket.ws.readyState).to.equal(socket.ws.OPEN);
  });

  it('tells the state with the clock while challenges are asked: each answer goes to its own question', async () => {
    const { doorId } = await addDoor(good);
    const [{ body: state }, { status }] = await Promise.all([
      call(b, 'GET', `/v1/doors/${doorId}/status`, { token: site.accessToken }),
      ask(b, doorId),
    ]);
    expect(status).to.equal(200);
    expect(state).to.deep.include({ live: true, state: { lock: 'locked', mode: 'normal', clock: 'unsure' } });
  });

  it('is 504 when the door says nothing, something malformed, or answers another question', async () => {
    const wrong: ((frame: Record<string, unknown>) => unknown)[] = [
      () => undefined,
      (frame) => ({ ...good(frame), challenge: 'short' }),
      (frame) => ({ ...good(frame), challenge: `${'A'.repeat(42)}B` }),
      (frame) => ({ t: 'challenge', id: frame['id'] }),
      (frame) => ({ ...good(frame), id: 'of somebody else' }),
      (frame) => ({ ...good(frame), t: 'status' }),
    ];
    await Promise.all(
      wrong.map(async (answer) => {
        const { doorId, socket } = await addDoor(answer);
        const startedAt = performance.now();
        const answers = await Promise.all([ask(a, doorId), ask(b, doorId)]);
        expect(performance.now() - startedAt).to.be.within(1900, 6000);
        for (const { status, body } of answers) {
          expect(status).to.equal(504);
          expect(body['code']).to.equal('door_timeout');
        }
        expect(socket.ws.readyState, 'the door keeps its socket').to.equal(socket.ws.OPEN);
      }),
    );
  });

  it('is 503 when the door is away', async () => {
    const { doorId, socket } = await addDoor(good);
    socket.ws.close();
    await socket.closed;
    let answer = await ask(b, doorId);
    for (let tries = 0; answer.status === 504 && tries < 3; tries += 1) answer = await ask(b, doorId);
    expect(answer.status).to.equal(503);
    expect(answer.body['code']).to.equal('door_offline');
    expect(answer.headers['retry-after']).to.not.equal(undefined);
  });

  it('answers like one that does not exist for a door the site may not see', async () => {
    const { doorId, socket } = await addDoor(good, 'none');
    for (const name of [doorId, 'no-such-door', '..%2f']) {
      const { status, body } = await ask(a, name);
      expect(status, name).to.equal(404);
      expect(body['code'], name).to.equal('door_not_found');
    }
    expect(socket.log).to.have.length(1);
  });

  it('needs a token', async () => {
    expect((await call(a, 'GET', '/v1/doors/door-1/challenge')).status).to.equal(401);
  });
});
