import { expect } from 'chai';

import type { DoorAdmin } from '../../src/operators/doors.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { doorKeys } from '../../src/store/keys.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal } from '../simulator/support/seal.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { doorAdmin, startTestRelay, type TestRelay } from '../support/relay.js';
import { call, loginTestSite, type TestSite } from '../support/site.js';
import { RawDoor } from './support/raw-door.js';

const DOOR = 'busy-door';
/** A door of one RSA operation at a time. */
const DOOR_WORKS_MS = 60;

/** A site that may only look sends what the door cannot read, as fast as it can (protocol 6.5, 6.6, 10.1). */
describe('a viewer that floods a door', () => {
  let redis: TestRedis;
  let relay: TestRelay;
  let admin: DoorAdmin;
  let viewer: TestSite;
  let owner: TestSite;
  let door: RawDoor;
  let publicPem: string;
  let kid: string;
  const honest: number[] = [];
  const flood = new Map<number, number>();

  before(async () => {
    redis = await startTestRedis();
    relay = await startTestRelay(redis.url);
    admin = doorAdmin(await redis.link('openlock-cli'));
    owner = await loginTestSite(relay);
    viewer = await loginTestSite(relay, 'viewer@example.test');
    const identity = await testIdentity();
    ({ publicPem, kid } = identity);
    const { enrolmentToken } = await admin.add(DOOR, {});
    await admin.grant(DOOR, owner.siteId, { role: 'user' });
    await admin.grant(DOOR, viewer.siteId, { role: 'viewer' });
    door = await RawDoor.live(relay, await RawDoor.session(relay, DOOR, identity, enrolmentToken));
    let busy = Promise.resolve();
    door.socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString('utf8')) as { t: string; id: string; jwe: string };
      if (frame.t !== 'command') return;
      const header = JSON.parse(Buffer.from(frame.jwe.split('.')[0] ?? '', 'base64url').toString()) as {
        scope: string;
      };
      busy = busy.then(async () => {
        await new Promise((resolve) => setTimeout(resolve, DOOR_WORKS_MS));
        door.send({ t: 'result', id: frame.id, status: header.scope === 'query' ? 400 : 200 });
      });
    });
  });
  after(async () => {
    door?.close();
    await viewer?.stop();
    await owner?.stop();
    await relay?.stop();
    await redis?.stop();
  });

  const send = async (site: TestSite, act: string): Promise<number> => {
    const { jwe } = seal({ publicPem, kid, door: DOOR, password: 'unknown', act });
    return (await call(relay, 'POST', `/v1/doors/${DOOR}/commands`, { token: site.accessToken, body: { jwe } })).status;
  };

  it('takes no place from the others, and is paused after three', async () => {
    let isOver = false;
    const flooding = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const status = await send(viewer, 'status');
        flood.set(status, (flood.get(status) ?? 0) + 1);
      }
    });
    for (let count = 0; count < 12; count += 1) honest.push(await send(owner, 'unlock'));
    isOver = true;
    await Promise.all(flooding);
    expect(honest).to.deep.equal(Array(12).fill(200));
    expect(flood.get(422), 'three, and what was under way with the third').to.be.within(3, 4);
    expect(flood.get(429)).to.be.above(0);
  });

  it('leaves a count in the trail, and pushes nothing out', async () => {
    const store = new AuditStore(await redis.link('openlock-audit'));
    const kinds = (await store.read(doorKeys(DOOR).audit, '-', 1000)).map(({ text }) => JSON.parse(text) as object);
    expect(kinds.filter((entry) => 'actor' in entry && entry.actor === viewer.siteId)).to.deep.equal([]);
    const refused = [
      ...(await store.openFolds(DOOR)),
      ...(await store.read(doorKeys(DOOR).auditTraffic, '-', 1000)).map(({ text }) => text),
    ]
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .filter(({ code }) => code === 'refused_bare');
    expect(refused.reduce((sum, { count }) => sum + Number(count), 0)).to.equal(flood.get(422));
    for (const entry of refused) expect(entry).to.include({ actor: viewer.siteId, door: DOOR });
  });
});
