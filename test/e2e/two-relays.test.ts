import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { seal, type Sealed, type SealRequest } from '../simulator/support/seal.js';
import { testIdentity } from '../simulator/support/keys.js';
import { until } from '../support/counting.js';
import { freePorts, startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, loginTestSite, type TestSite } from '../support/site.js';
import { ClientSocket, UpgradeRefused } from './support/client-socket.js';

const PASSWORD = 'correct horse battery';

/** Issue: several relays on one Redis from the first day. Doors are on A, sites talk to B. */
describe('two relays on one Redis', () => {
  let redis: TestRedis;
  let a: TestRelay;
  let b: TestRelay;
  let admin: DoorAdmin;
  let site: TestSite;
  let identity: DoorIdentity;
  let secretsDir: string;
  const doors: SimulatedDoor[] = [];
  const sockets: ClientSocket[] = [];
  let doorCount = 0;

  before(async () => {
    redis = await startTestRedis();
    identity = await testIdentity();
    secretsDir = mkdtempSync(join(tmpdir(), 'openlock-secrets-'));
    const [portA, portB] = await freePorts(2);
    const shared = {
      OPENLOCK_SECRETS_DIR: secretsDir,
      OPENLOCK_PUBLIC_URL: `https://localhost:${portA} https://localhost:${portB}`,
      OPENLOCK_COMMAND_TIMEOUT_MS: '1500',
    };
    a = await startTestRelay(redis.url, { ...shared, OPENLOCK_PORT: String(portA), OPENLOCK_NODE_ID: 'relay-a' });
    b = await startTestRelay(redis.url, { ...shared, OPENLOCK_PORT: String(portB), OPENLOCK_NODE_ID: 'relay-b' });
    admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(a);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await Promise.all(doors.splice(0).map((door) => door.stop()));
  });

  after(async () => {
    await site?.stop();
    await a?.stop();
    await b?.stop();
    await redis?.stop();
    rmSync(secretsDir, { recursive: true, force: true });
  });

  async function addDoor(relay: TestRelay, role: 'viewer' | 'user' | 'manager' = 'manager'): Promise<SimulatedDoor> {
    doorCount += 1;
    const doorId = `door-${doorCount}`;
    const { enrolmentToken } = await admin.add(doorId, {});
    await admin.grant(doorId, site.siteId, { role });
    return connect(relay, doorId, enrolmentToken);
  }

  async function connect(relay: TestRelay, doorId: string, enrolmentToken?: string): Promise<SimulatedDoor> {
    const door = new SimulatedDoor({
      doorId,
      relayUrl: relay.url,
      ca: relay.ca,
      password: PASSWORD,
      keyPair: identity,
      ...(enrolmentToken !== undefined && { enrolmentToken }),
    });
    doors.push(door);
    await door.start();
    return door;
  }

  async function open(relay: TestRelay, token = site.accessToken): Promise<ClientSocket> {
    const socket = await ClientSocket.open(relay, token);
    sockets.push(socket);
    return socket;
  }

  const command = (door: string, act: string, more: Partial<SealRequest> = {}): Sealed =>
    seal({ publicPem: identity.publicPem, kid: identity.kid, door, password: PASSWORD, act, ...more });
  const post = (relay: TestRelay, door: string, jwe: string) =>
    call(relay, 'POST', `/v1/doors/${door}/commands`, { token: site.accessToken, body: { jwe } });

  it('carries a command through B to a door on A, over HTTP and over the client socket', async () => {
    const door = await addDoor(a);
    const unlock = command(door.doorId, 'unlock', { params: { holdMs: 0 } });
    const answer = await post(b, door.doorId, unlock.jwe);
    expect(answer.body).to.include({ commandId: unlock.id, state: 'executed', status: 200 });
    expect(unlock.open(answer.body['receipt'] as string).state?.lock).to.equal('unlocked');

    const socket = await open(b);
    const lock = command(door.doorId, 'lock');
    const result = await socket.ask({ t: 'command', door: door.doorId, jwe: lock.jwe });
    expect(result).to.include({ t: 'result', commandId: lock.id, state: 'executed', status: 200 });
    expect(result.t === 'result' && lock.open(result.receipt).code).to.equal('ok');
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock', 'lock']);
  });

  it('brings the door\'s "no" back with its receipt', async () => {
    const door = await addDoor(a);
    const wrong = command(door.doorId, 'unlock', { password: 'not this one' });
    const { status, body } = await post(b, door.doorId, wrong.jwe);
    expect(status).to.equal(422);
    expect(body).to.include({ code: 'door_refused', commandId: wrong.id, state: 'refused', status: 400 });
    expect(wrong.open(body['receipt'] as string).code).to.equal('bad_credential');
  });

  it('knows on A what was used up on B', async () => {
    const door = await addDoor(a);
    const unlock = command(door.doorId, 'unlock');
    await post(b, door.doorId, unlock.jwe);
    const again = await post(a, door.doorId, unlock.jwe);
    expect(again.status).to.equal(409);
    expect(again.body).to.include({ code: 'replayed', commandId: unlock.id, state: 'executed' });
    expect(door.executed).to.equal(1);
    const record = await call(a, 'GET', `/v1/doors/${door.doorId}/commands/${unlock.id}`, { token: site.accessToken });
    expect(record.body).to.include({ commandId: unlock.id, state: 'executed', status: 200 });
  });

  it('carries one of two out when both relays get the same envelope at once', async () => {
    const door = await addDoor(a);
    for (let round = 0; round < 10; round += 1) {
      const { jwe } = command(door.doorId, 'lock');
      const answers = await Promise.all([post(a, door.doorId, jwe), post(b, door.doorId, jwe)]);
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    }
    expect(door.executed).to.equal(10);
    expect(door.duplicates).to.equal(0);
  });

  it('asks a door on A for its state through B', async () => {
    const door = await addDoor(a, 'viewer');
    const { body } = await call(b, 'GET', `/v1/doors/${door.doorId}/status`, { token: site.accessToken });
    expect(body).to.include({ online: true, live: true });
    expect(body['state']).to.include({ lock: 'locked', mode: 'normal' });
  });

  it('supersedes a socket on A by one on B, with a higher epoch, and sends commands to the new one only', async () => {
    const old = await addDoor(a);
    const firstEpoch = old.epoch;
    const ended = old.once('trouble');
    const fresh = await connect(b, old.doorId);
    expect(await ended).to.include({ stage: 'live', closeCode: 4001 });
    expect(fresh.epoch).to.be.above(firstEpoch);
    for (const relay of [a, b])
      expect((await post(relay, fresh.doorId, command(fresh.doorId, 'lock').jwe)).status).to.equal(200);
    expect(fresh.executed).to.equal(2);
    expect(old.executed).to.equal(0);
    const { body } = await call(a, 'GET', `/v1/doors/${fresh.doorId}`, { token: site.accessToken });
    expect(body).to.include({ online: true });
  });

  it('tells presence across relays', async () => {
    const door = await addDoor(a);
    const socket = await open(b);
    expect(await socket.ask({ t: 'subscribe', doors: [door.doorId] })).to.include({ t: 'ok' });
    await door.stop();
    expect(await socket.frame('presence', ({ online }) => !online)).to.include({ door: door.doorId });
    const gone = await post(b, door.doorId, command(door.doorId, 'lock').jwe);
    expect(gone.status).to.equal(503);
    expect(gone.body).to.include({ code: 'door_offline' });
    await connect(a, door.doorId);
    expect(await socket.frame('presence', ({ online }) => online)).to.include({ door: door.doorId });
  });

  it('delivers events across relays, until the grant is taken away', async () => {
    const door = await addDoor(a);
    const socket = await open(b);
    await socket.ask({ t: 'subscribe', doors: [door.doorId] });
    door.tamper();
    expect(await socket.frame('event', ({ kind }) => kind === 'tamper')).to.include({ door: door.doorId });
    await admin.revokeGrant(door.doorId, site.siteId);
    door.setContact('open');
    const seen = await addDoor(a);
    await socket.ask({ t: 'subscribe', doors: [seen.doorId] });
    seen.tamper();
    await socket.frame('event', ({ door: from }) => from === seen.doorId);
    expect(socket.frames.some((frame) => frame.t === 'event' && frame.kind === 'forced_open')).to.equal(false);
    expect(await socket.ask({ t: 'status', door: door.doorId })).to.include({ t: 'error', code: 'door_not_found' });
  });

  it('closes the client sockets of a revoked session on the other relay, and refuses its token there', async () => {
    const other = await loginTestSite(b, 'second@example.test');
    try {
      const socket = await open(b, other.accessToken);
      expect((await call(a, 'POST', '/v1/auth/revoke', { token: other.accessToken })).status).to.equal(204);
      expect(await socket.closed).to.equal(4002);
      const refused = await call(b, 'GET', '/v1/doors', { token: other.accessToken });
      expect(refused.status).to.equal(401);
      expect(refused.body).to.include({ code: 'token_revoked' });
      const upgrade = await ClientSocket.open(b, other.accessToken).catch((error: unknown) => error);
      expect(upgrade).to.be.instanceOf(UpgradeRefused).and.to.include({ status: 401 });
    } finally {
      await other.stop();
    }
  });

  it('sends a disabled door away from whatever relay it is on', async () => {
    const door = await addDoor(a);
    const ended = door.once('trouble');
    await admin.disable(door.doorId);
    expect(await ended).to.include({ closeCode: 4003 });
    expect((await ended).retryInMs).to.be.at.least(3_600_000);
    await until(
      async () => (await post(b, door.doorId, command(door.doorId, 'lock').jwe)).body['code'] === 'door_disabled',
    );
  });

  it('lets a door rotate its key on A, and wants the new one on B at once', async () => {
    const door = await addDoor(a);
    const rotate = command(door.doorId, 'rotate_key');
    const back = door.once('live');
    const answer = await post(b, door.doorId, rotate.jwe);
    const { newKid } = rotate.open(answer.body['receipt'] as string);
    await back;
    expect(door.kid).to.equal(newKid);
    const key = await call(b, 'GET', `/v1/doors/${door.doorId}/key`, { token: site.accessToken });
    expect(key.body['kid']).to.equal(newKid);
    expect((await post(b, door.doorId, command(door.doorId, 'lock').jwe)).body).to.include({ code: 'wrong_key' });
    const fresh = command(door.doorId, 'lock', { publicPem: key.body['publicKey'] as string, kid: newKid as string });
    expect((await post(b, door.doorId, fresh.jwe)).status).to.equal(200);
  });
});
