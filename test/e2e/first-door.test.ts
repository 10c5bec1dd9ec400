import { expect } from 'chai';

import { DoorRefusedError } from '../../src/client/index.js';
import { SimulatedDoor } from '../../src/simulator/door.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { doorKeys } from '../../src/store/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { sdkFor } from '../support/sdk.js';
import { call, loginTestSite, type TestSite } from '../support/site.js';

/** The main job, whole: login, origin, key, envelope, relay, door, receipt. Everything real but the lock. */
describe('a door that opens', () => {
  const DOOR = 'front-door';
  const PASSWORD = 'correct horse battery';
  let redis: TestRedis;
  let relay: TestRelay;
  let door: SimulatedDoor;
  let site: TestSite;

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    const admin = doorAdmin(await redis.link('openlock-cli'));
    const { enrolmentToken } = await admin.add(DOOR);
    door = new SimulatedDoor({ doorId: DOOR, relayUrl: relay.url, ca: relay.ca, enrolmentToken, password: PASSWORD });
    await door.start();
    site = await loginTestSite(relay);
    await admin.grant(DOOR, site.siteId, { role: 'manager' });
  });

  after(async () => {
    await door?.stop();
    await site?.stop();
    await relay?.stop();
    await redis?.stop();
  });

  it('is listed with its role and presence', async () => {
    const { status, body } = await call(relay, 'GET', '/v1/doors', { token: site.accessToken });
    expect(status).to.equal(200);
    expect(body['doors']).to.have.length(1);
    expect((body['doors'] as object[])[0]).to.include({ doorId: DOOR, role: 'manager', online: true });
  });

  it('serves its key', async () => {
    const { status, body } = await call(relay, 'GET', `/v1/doors/${DOOR}/key`, { token: site.accessToken });
    expect(status).to.equal(200);
    expect(body).to.include({ doorId: DOOR, kid: door.kid });
  });

  it('tells its live state', async () => {
    const { status, body } = await call(relay, 'GET', `/v1/doors/${DOOR}/status`, { token: site.accessToken });
    expect(status).to.equal(200);
    expect(body).to.include({ online: true, live: true });
  });

  for (const transport of ['http', 'socket'] as const) {
    it(`opens over ${transport}, and the sender alone reads the receipt`, async () => {
      const sdk = sdkFor(relay, site, { transport });
      const before = door.executions.length;
      const result = await sdk.door(DOOR, { kid: door.kid }).unlock({ password: PASSWORD, holdMs: 0 });
      expect(result.receipt).to.include({ code: 'ok', status: 200, door: DOOR });
      expect(result.state?.lock).to.equal('unlocked');
      expect(door.executions).to.have.length(before + 1);
      const locked = await sdk.door(DOOR, { kid: door.kid }).lock({ password: PASSWORD });
      expect(locked.state?.lock).to.equal('locked');
      sdk.close();
    });

    it(`passes the door's refusal on over ${transport}`, async () => {
      const sdk = sdkFor(relay, site, { transport });
      const refusal = await sdk
        .door(DOOR, { kid: door.kid })
        .unlock({ password: 'not the password' })
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(refusal).to.be.instanceOf(DoorRefusedError);
      expect((refusal as DoorRefusedError).receipt?.code).to.equal('bad_credential');
      sdk.close();
    });
  }

  it('tells what happens at the door over the client socket', async () => {
    const sdk = sdkFor(relay, site);
    const events = sdk.events([DOOR]);
    const seen = new Promise<string>((resolve) => {
      events.on('event', (event) => event.kind === 'unlocked' && resolve(event.kind));
    });
    await new Promise<void>((resolve) => events.on('connected', () => resolve()));
    await sdk.door(DOOR, { kid: door.kid }).unlock({ password: PASSWORD, holdMs: 0 });
    expect(await seen).to.equal('unlocked');
    events.close();
    sdk.close();
  });

  it('writes what was done into the audit trail', async () => {
    const link = await redis.link('openlock-audit');
    const kindsIn = async (stream: string): Promise<readonly string[]> =>
      (await new AuditStore(link).read(stream, '-', 1000)).map(
        ({ text }) => (JSON.parse(text) as { kind: string }).kind,
      );
    const { audit, auditTraffic } = doorKeys(DOOR);
    expect(await kindsIn(audit)).to.include.members([
      'door_added',
      'registered',
      'granted',
      'command_submitted',
      'command_settled',
    ]);
    expect(await kindsIn(auditTraffic)).to.include.members(['socket_opened', 'door_event']);
  });
});
