import { expect } from 'chai';

import type { Stores } from '../../../src/app/store.js';
import { drainTrail } from '../../../src/operators/trail.js';
import type { AdmitFields } from '../../../src/store/command-store.js';
import { doorKeys, nodeKeys } from '../../../src/store/keys.js';
import type { RedisLink } from '../../../src/store/redis-link.js';
import { openAdmin, startTestRedis, type TestRedis } from '../../support/redis.js';
import { entry, frontDoor, KID, OTHER_SITE, SITE, submitted, TRAIL, writeHouse } from './support/house.js';
import { named, storesAfter, upgrade } from './support/upgrading.js';

describe('a store that was moved from layout 1 has', () => {
  let redis: TestRedis;
  let admin: RedisLink;
  let link: RedisLink;
  let now: number;
  let stores: Stores;

  before(async () => {
    redis = await startTestRedis();
    admin = await openAdmin(redis);
    link = await redis.link();
  });

  after(async () => {
    await admin.close();
    await redis.stop();
  });

  beforeEach(async () => {
    await admin.client.call('FLUSHALL');
    now = await writeHouse(admin.client);
    await upgrade(link);
    stores = await storesAfter(link);
  });

  const submit = (over: Partial<AdmitFields> = {}) =>
    stores.commands.admit({
      ...{ siteId: SITE, doorId: 'front', commandId: 'fresh', jwe: 'jwe', scope: 'operate', kid: KID, iat: now },
      ...{ node: 'relay-1.a', conn: 'conn-1', liveNodes: ',relay-1.a,', timeoutMs: 5000, builtInRole: undefined },
      auditEntry: submitted('fresh'),
      ...over,
    });
  const trailOf = async (doorId: string) =>
    (await stores.audit.read(doorKeys(doorId).audit, '-', 10_000)).map(({ text }) => text);

  it('every door, its key, its flags and its epoch', async () => {
    expect(await stores.records.doorIds()).to.deep.equal(['back', 'forgotten', 'front', 'new', 'removed', 'side']);
    expect(await stores.records.record('front')).to.deep.equal({
      ...{ doorId: 'front', name: 'Front | Döör', createdAt: now - 1_000_000, kid: KID, publicKey: 'pem' },
      ...{
        registeredAt: now - 900_000,
        disabled: false,
        banned: false,
        epoch: 17,
        firmware: '{"board":"esp32"}',
        enrolUntil: undefined,
      },
    });
    expect(await stores.records.record('side')).to.include({ disabled: true, banned: true });
    expect(await stores.records.record('new')).to.include({ kid: undefined, enrolUntil: now + 1000 });
    expect(await stores.records.record('removed')).to.equal(undefined);
    expect(await stores.records.session('front')).to.deep.equal({
      hash: 'hash',
      until: now + 900_000,
      disabled: false,
      banned: false,
    });
  });

  it('every grant', async () => {
    expect([...(await stores.grants.grants('front'))]).to.have.deep.members([
      [SITE, { role: 'manager', notBefore: undefined, notAfter: undefined }],
      [OTHER_SITE, { role: 'viewer', notBefore: now - 5000, notAfter: now + 5_000_000 }],
    ]);
    expect([...(await stores.grants.grants('back')).keys()]).to.deep.equal([SITE]);
  });

  it('who has the door, its last state, and the challenges that were used', async () => {
    expect(await stores.presence.presence('front')).to.deep.equal({
      ...{
        relay: 'relay-1.a',
        conn: 'conn-1',
        lastSeen: now - 9000,
        state: '{"locked":true}',
        stateAt: now - 10_000,
      },
    });
    expect(await link.client.zrange(doorKeys('front').nonces, 0, -1)).to.deep.equal(['n1', 'n2']);
    expect(await link.client.pttl(doorKeys('front').nonces)).to.be.within(1, 70_000);
  });

  it('pauses after wrong credentials, with what led to them', async () => {
    expect(await submit()).to.deep.include({ outcome: 'refused', code: 'rate_limited' });
    const [site, operator] = await link.client.hmget(doorKeys('front').record, `c:${SITE}`, 'c:operator');
    expect(site).to.match(new RegExp(`^4\\|2\\|${now + 100_000}\\|\\d{13}$`));
    expect(Number(site?.split('|')[3])).to.be.within(now - 2000, now + 60_000);
    expect(operator).to.match(/^1\|0\|\|\d{13}$/);
  });

  it('that a command was seen, whatever became of it', async () => {
    const states = {
      done: 'executed',
      refused: 'refused',
      unknown: 'indeterminate',
      running: 'claimed',
      late: 'indeterminate',
    };
    for (const [commandId, state] of Object.entries(states)) {
      for (const iat of [now - 59_000, now, now + 59_000])
        expect(await submit({ commandId, iat }), commandId).to.deep.equal({ outcome: 'replayed', state });
      expect(await submit({ commandId, siteId: OTHER_SITE }), commandId).to.deep.equal({
        outcome: 'replayed',
        state: undefined,
      });
      expect(await submit({ commandId, siteId: 'stranger' }), commandId).to.include({ code: 'door_not_found' });
    }
  });

  it('commands and receipts for whoever asks', async () => {
    expect(await stores.commands.read(named('front', 'done'))).to.deep.equal({
      ...{
        state: 'executed',
        siteId: SITE,
        submittedAt: now - 20_000,
        status: 200,
        settledAt: now - 19_000,
        receipt: 'r.e.c',
      },
    });
    expect(await stores.commands.read(named('front', 'refused'))).to.include({ state: 'refused', status: 400 });
    expect(await stores.commands.read(named('front', 'running'))).to.include({ state: 'claimed', siteId: SITE });
    expect(await stores.commands.read(named('front', 'never'))).to.equal(undefined);
  });

  it('commands under way: they count, and end once, with both entries', async () => {
    await link.client.hdel(doorKeys('front').record, `c:${SITE}`);
    expect(await submit({ commandId: 'second' })).to.include({ outcome: 'claimed' });
    expect(await submit({ commandId: 'third' }), 'running and second').to.include({ code: 'rate_limited' });
    const answer = { ...named('front', 'running'), status: 200, credentialRefused: false, receipt: 'r' } as const;
    expect(await stores.commands.settle({ ...answer, node: 'relay-2', auditEntry: 'ended' })).to.deep.equal({
      state: 'executed',
      settled: true,
    });
    expect(await stores.commands.settle({ ...answer, node: 'relay-2', auditEntry: 'again' })).to.deep.equal({
      state: 'executed',
      settled: false,
    });
    expect(await submit({ commandId: 'running' })).to.deep.equal({ outcome: 'replayed', state: 'executed' });
    expect(await stores.commands.read(named('front', 'running'))).to.include({ state: 'executed', receipt: 'r' });
    const texts = (await link.client.xrange(doorKeys('front').audit, '-', '+'))
      .slice(TRAIL)
      .map(([, fields]) => fields.filter((_, index) => index % 2 === 1));
    for (const [index, overdue] of ['old', 'late'].entries()) {
      expect(texts[index]).to.have.length(2);
      expect(texts[index]?.[0]).to.equal(submitted(overdue));
      expect(texts[index]?.[1]).to.contain('indeterminate');
    }
    expect(texts[2]).to.deep.equal([submitted('running'), 'ended']);
    expect(texts).to.have.length(3);
  });

  it('a command that waits for its door, with its envelope', async () => {
    const minute = Math.floor((now - 1000) / 60_000);
    expect(
      await stores.commands.claim({ doorId: 'front', commandId: 'waiting', minute }, 'relay-1.a', 'conn-1'),
    ).to.deep.equal({
      ...{ outcome: 'claimed', jwe: 'j.w.e', deadline: now + 50_000 },
    });
  });

  it('a late answer to a command that was given up', async () => {
    const settled = await stores.commands.settle({
      ...{ ...named('front', 'unknown'), status: 200, credentialRefused: false, receipt: undefined },
      ...{ node: 'relay-2', auditEntry: 'ended' },
    });
    expect(settled).to.deep.equal({ state: 'executed', settled: true });
    expect(await submit({ commandId: 'unknown' })).to.deep.equal({ outcome: 'replayed', state: 'executed' });
    expect((await trailOf('front')).slice(TRAIL)).to.deep.equal(['ended']);
  });

  it('every audit entry under its id, and what the bounds dropped', async () => {
    const keys = doorKeys('front');
    const entries = await stores.audit.read(keys.audit, '-', 10_000);
    expect(entries).to.deep.equal((frontDoor(now).audit?.entries ?? []).map(([id, text]) => ({ id, text })));
    expect((await stores.audit.dropped(keys.audit))?.count).to.equal(7);
    expect(await stores.audit.read(keys.auditTraffic, '-', 10)).to.deep.equal([]);
    expect((await stores.audit.dropped(keys.auditTraffic))?.count).to.equal(5);
    expect(await stores.audit.openFolds('front')).to.deep.equal([
      '{"at":1,"node":"store","kind":"door_event","count":3}',
    ]);
    await stores.audit.append(keys.auditTraffic, 'next');
    expect(await stores.audit.read(keys.auditTraffic, '-', 10)).to.have.length(1);
  });

  it('the trail of a door that was removed, until it is exported', async () => {
    expect(await trailOf('removed')).to.deep.equal([entry(1)]);
    const settled = await stores.commands.settle({
      ...{ ...named('removed', 'ran'), status: 200, credentialRefused: false, receipt: undefined },
      ...{ node: 'relay-2', auditEntry: 'ended' },
    });
    expect(settled.settled).to.equal(true);
    let lines = '';
    await drainTrail(stores.audit, (text) => {
      lines += text;
      return Promise.resolve();
    });
    for (const line of [submitted('ran'), 'ended', entry(2), entry(TRAIL - 1)])
      expect(lines.split('\n')).to.include(line);
    expect(lines.split('\n').filter((line) => line === entry(1))).to.have.length(5);
  });

  it('relays that died, so that their doors are taken offline', async () => {
    const beat = await stores.relays.beat('relay-2', 10_000);
    expect(beat).to.deep.equal({ hadLease: false, live: ['relay-2'], expired: ['relay-1.a'] });
    expect(await link.client.smembers(nodeKeys('relay-1.a').doors)).to.deep.equal(['front']);
  });

  it('nothing of the old, but commands that go by themselves', async () => {
    const left = (await admin.client.keys('ol:{door:*')).sort();
    expect(left.filter((key) => !/:(command|receipt):/.test(key))).to.deep.equal([]);
    for (const key of left) expect(await link.client.pttl(key), key).to.be.greaterThan(0);
  });
});
