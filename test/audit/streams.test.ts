import { expect } from 'chai';

import { readTrail } from '../../src/operators/trail.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { doorBatch } from '../../src/store/door-items.js';
import { DoorPresenceStore } from '../../src/store/door-presence.js';
import { DoorRecordStore } from '../../src/store/door-records.js';
import { doorKeys, firmwareKeys, fleetKeys, siteKeys, operatorKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const ENTRY = '{"at":1,"node":"t","kind":"granted","actor":"operator"}';

describe('the streams of the audit trail (protocol 10.1)', () => {
  let redis: TestRedis;
  let link: RedisLink;
  let store: AuditStore;
  let doors: DoorRecordStore;
  let presence: DoorPresenceStore;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    store = new AuditStore(link);
    doors = new DoorRecordStore(link);
    presence = new DoorPresenceStore(link, doorBatch(link));
    for (const doorId of ['front', 'back'])
      await doors.add(doorId, { name: doorId, tokenHash: 'x', tokenUntil: 1, kid: undefined, auditEntry: ENTRY });
    await link.client.sadd(fleetKeys.sites, 'site_1');
  });
  after(() => redis.stop());

  /** `count` entries into a stream that keeps about `bound`. */
  const fill = (stream: string, count: number, bound: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        link.client.xadd(stream, 'MAXLEN', '~', bound, '*', 'e', JSON.stringify({ at: index, kind: 'filler' })),
      ),
    );
  const lostIn = (trail: Awaited<ReturnType<typeof readTrail>>, stream: string): unknown =>
    trail.map(({ entry }) => entry).find(({ kind, code }) => kind === 'audit_dropped' && code === stream)?.['count'];

  it('are two of every owner, all of them read', async () => {
    const owners = [fleetKeys, firmwareKeys, doorKeys('front'), doorKeys('back'), siteKeys('site_1')];
    expect(await store.streams()).to.have.members([
      operatorKeys.audit, // sessions of the operator: nobody else can write there
      ...owners.flatMap(({ audit, auditTraffic }) => [audit, auditTraffic]),
    ]);
  });

  it('say how many entries their bound pushed out, before anything else and whatever is asked for', async () => {
    const stream = doorKeys('front').auditTraffic;
    await fill(stream, 50, 1000);
    expect(await store.dropped(stream)).to.equal(undefined);
    await fill(stream, 3000, 1000);
    const left = await link.client.xlen(stream);
    expect(left).to.be.within(1000, 1200);
    const trail = await readTrail(store, { last: 2 });
    expect(lostIn(trail, stream)).to.equal(3050 - left);
    expect(trail[0]?.entry['kind']).to.equal('audit_dropped');
    expect(trail.filter(({ entry }) => entry['kind'] !== 'audit_dropped')).to.have.length(2);
    expect(lostIn(await readTrail(store, { last: 1, door: 'front' }), stream)).to.equal(3050 - left);
    expect(lostIn(await readTrail(store, { last: 1, door: 'back' }), stream)).to.equal(undefined);
    expect(lostIn(await readTrail(store, { last: 0, positions: new Map() }), stream), 'following').to.equal(
      3050 - left,
    );
  });

  it('count what was exported as kept, and what an export told as told', async () => {
    const stream = siteKeys('site_1').audit;
    await fill(stream, 30, 1000);
    const rows = await store.read(stream, '-', 20);
    await store.remove(
      stream,
      rows.map(({ id }) => id),
    );
    expect(await store.dropped(stream)).to.equal(undefined);
    await fill(stream, 500, 100);
    const left = await link.client.xlen(stream);
    const dropped = await store.dropped(stream);
    expect(dropped?.count).to.equal(510 - left);
    const all = await store.read(stream, '-', 1000);
    await store.remove(
      stream,
      all.map(({ id }) => id),
      dropped?.count,
    );
    expect(await store.dropped(stream)).to.equal(undefined);
    await fill(stream, 1, 100);
    expect(await store.dropped(stream)).to.equal(undefined);
    expect(await store.read(stream, '-', 10)).to.have.length(1);
  });

  it('have what a door tells of its refusals as a count, and the rest of its events as they came', async () => {
    const event = (kind: string): Promise<void> =>
      presence.event(
        'back',
        kind,
        JSON.stringify({ t: 'event', kind, at: 1 }),
        JSON.stringify({ at: 1, kind: 'door_event', code: kind }),
      );
    for (let count = 0; count < 50; count += 1) await event('wrong_password');
    await event('forced_open');
    const open = (await store.openFolds('back')).map((text) => JSON.parse(text) as Record<string, unknown>);
    const rows = (await store.read(doorKeys('back').auditTraffic, '-', 100)).map(
      ({ text }) => JSON.parse(text) as Record<string, unknown>,
    );
    const told = [...rows, ...open].filter(({ code }) => code === 'wrong_password');
    expect(told.reduce((sum, { count }) => sum + Number(count), 0)).to.equal(50);
    expect(told.length, 'one, or two over the turn of a minute').to.be.at.most(2);
    expect(rows.map(({ code }) => code)).to.include('forced_open');
    expect((await readTrail(store, { last: 100, door: 'back' })).map(({ entry }) => entry['code'])).to.include(
      'wrong_password',
    );
  });

  it('get a fold when its minute is over: with the next refusal, or at an export', async () => {
    const { auditFold, auditTraffic } = doorKeys('front');
    const field = '{"at":60000,"kind":"command_settled","code":"refused"}';
    await link.client.hset(auditFold, { minute: '60000', [field]: 7 });
    const closed = '{"at":60000,"kind":"command_settled","code":"refused","count":7}';
    const last = async (): Promise<string | undefined> => (await store.newest(auditTraffic, 1))[0]?.text;
    await presence.event('front', 'lockout', JSON.stringify({ kind: 'lockout' }), ENTRY);
    expect(await last()).to.equal(closed);
    await store.closeDoorFolds();
    expect(await last(), 'this minute is not over').to.equal(closed);
    await link.client.hset(auditFold, 'minute', '60000');
    await store.closeDoorFolds();
    expect(await last()).to.match(/"code":"lockout","count":1}$/);
    expect(await link.client.exists(auditFold)).to.equal(0);
  });

  it('show of one door what the fleet refused there', async () => {
    const text = JSON.stringify({
      at: 5,
      kind: 'refused',
      actor: 'site_1',
      door: 'back',
      code: 'action_not_allowed',
      count: 3,
    });
    await store.append(fleetKeys.auditTraffic, text);
    const codes = async (door: string): Promise<unknown[]> =>
      (await readTrail(store, { last: 100, door })).map(({ entry }) => entry['code']);
    expect(await codes('back')).to.include('action_not_allowed');
    expect(await codes('front')).not.to.include('action_not_allowed');
  });
});
