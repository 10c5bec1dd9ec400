import { expect } from 'chai';

import { SimulatedDoor } from '../../src/simulator/door.js';
import type { DoorIdentity } from '../../src/simulator/identity.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal, type Sealed } from '../simulator/support/seal.js';
import { until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, loginTestSite, type HttpAnswer, type TestSite } from '../support/site.js';
import { ClientSocket } from './support/client-socket.js';

const PASSWORD = 'correct horse battery';
const DOOR = 'front-door';

/** Issue: Redis away means refused in under a second, doors kept connected, recovery without a restart. */
describe('the store away', function () {
  this.timeout(40_000);
  let redis: TestRedis;
  let relay: TestRelay;
  let site: TestSite;
  let identity: DoorIdentity;
  let door: SimulatedDoor;
  let client: ClientSocket;
  let disconnects = 0;

  before(async () => {
    redis = await startTestRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    relay = await startTestRelay(redis.url, { OPENLOCK_COMMAND_TIMEOUT_MS: '1500' });
    identity = await testIdentity();
    const admin = doorAdmin(await redis.link('openlock-cli'));
    site = await loginTestSite(relay);
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
    door.on('offline', () => (disconnects += 1));
    client = await ClientSocket.open(relay, site.accessToken);
  });

  after(async () => {
    client?.close();
    await door?.stop();
    await site?.stop();
    await relay?.stop();
    await redis?.stop();
  });

  const command = (): Sealed =>
    seal({ publicPem: identity.publicPem, kid: identity.kid, door: DOOR, password: PASSWORD, act: 'unlock' });
  const post = (sealed: Sealed): Promise<HttpAnswer> =>
    call(relay, 'POST', `/v1/doors/${DOOR}/commands`, { token: site.accessToken, body: { jwe: sealed.jwe } });

  async function expectRefused(): Promise<void> {
    const executed = door.executed;
    const begun = performance.now();
    const [http, overSocket, record] = await Promise.all([
      post(command()),
      client.ask({ t: 'command', door: DOOR, jwe: command().jwe }),
      call(relay, 'GET', '/v1/doors', { token: site.accessToken }),
    ]);
    expect(performance.now() - begun, 'milliseconds').to.be.below(1000);
    for (const answer of [http, record]) {
      expect(answer.status).to.equal(503);
      expect(answer.body['code']).to.equal('store_unavailable');
      expect(Number(answer.headers['retry-after'])).to.be.above(0);
    }
    expect(overSocket).to.include({ t: 'error', code: 'store_unavailable' });
    expect((await call(relay, 'GET', '/readyz')).status).to.equal(503);
    expect((await call(relay, 'GET', '/healthz')).status).to.equal(200);
    expect(door.executed).to.equal(executed);
    expect(door.live).to.equal(true);
  }

  /** Works again without anybody being restarted; the same door socket, the same client socket. */
  async function expectRecovered(): Promise<void> {
    await until(async () => (await call(relay, 'GET', '/readyz')).status === 200);
    await until(async () => (await post(command())).status === 200);
    expect(await client.ask({ t: 'command', door: DOOR, jwe: command().jwe })).to.include({
      t: 'result',
      state: 'executed',
    });
    expect(disconnects).to.equal(0);
  }

  it('stopped with SIGSTOP: refused in under a second, and back when it goes on', async () => {
    redis.process.kill('SIGSTOP');
    try {
      await expectRefused();
      await expectRefused();
    } finally {
      redis.process.kill('SIGCONT');
    }
    await expectRecovered();
  });

  it('killed with SIGKILL: refused in under a second, and back when it is', async () => {
    await redis.kill();
    await expectRefused();
    await redis.restart();
    await expectRecovered();
  });

  it('an answer of the door that comes while the store is away is stored when it is back', async () => {
    const sealed = command();
    // The door is slow on purpose: the store stops between the command and its answer.
    const off = door.on('execution', () => {
      redis.process.kill('SIGSTOP');
      off();
    });
    const answering = post(sealed);
    await door.once('execution');
    await new Promise((resolve) => setTimeout(resolve, 500));
    redis.process.kill('SIGCONT');
    const answer = await answering;
    expect([200, 504]).to.include(answer.status);
    await until(
      async () =>
        (await call(relay, 'GET', `/v1/doors/${DOOR}/commands/${sealed.id}`, { token: site.accessToken })).body[
          'state'
        ] === 'executed',
    );
    expect(door.executions.filter(({ commandId }) => commandId === sealed.id)).to.have.length(1);
  });

  it('an envelope refused meanwhile may be sent again, and runs at most once', async () => {
    const sealed = command();
    redis.process.kill('SIGSTOP');
    expect((await post(sealed)).body['code']).to.equal('store_unavailable');
    redis.process.kill('SIGCONT');
    await until(async () => (await call(relay, 'GET', '/readyz')).status === 200);
    // What became of the first attempt is unknown to the sender: it may have been admitted, and then never sent.
    let answer = await post(sealed);
    while (answer.body['code'] === 'store_unavailable') answer = await post(sealed);
    expect([200, 409]).to.include(answer.status);
    await until(async () => {
      const { body } = await call(relay, 'GET', `/v1/doors/${DOOR}/commands/${sealed.id}`, { token: site.accessToken });
      return ['executed', 'expired', 'indeterminate'].includes(String(body['state']));
    });
    expect(door.executions.filter(({ commandId }) => commandId === sealed.id).length).to.be.at.most(1);
  });

  it('longer than the lease of a relay: the door is online again by itself afterwards', async () => {
    await redis.kill();
    await new Promise((resolve) => setTimeout(resolve, 13_000));
    expect(door.live).to.equal(true);
    await redis.restart();
    await expectRecovered();
    const { body } = await call(relay, 'GET', `/v1/doors/${DOOR}`, { token: site.accessToken });
    expect(body).to.include({ online: true });
  });
});
