import { expect } from 'chai';
import { Redis } from 'ioredis';

import { storesOn } from '../../../src/app/store.js';
import { systemClock, systemRandom, type Clock } from '../../../src/clock.js';
import { ConfigError } from '../../../src/config.js';
import { drainTrail } from '../../../src/operators/trail.js';
import { OpenLockError } from '../../../src/protocol/problem.js';
import type { AdmitFields } from '../../../src/store/command-store.js';
import { doorKeys, fleetKeys, nodeKeys } from '../../../src/store/keys.js';
import { EarlierCommands } from '../../../src/store/layout/earlier-commands.js';
import type { StoreAccess } from '../../../src/store/layout/layout-1.js';
import { upgradeStore } from '../../../src/store/layout/upgrade.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { failureOf } from '../../support/counting.js';
import { startTestCluster } from '../../support/redis-cluster.js';
import { openAdmin, startTestRedis, type TestRedis } from '../../support/redis.js';
import { entry, frontDoor, KID, OTHER_SITE, SITE, submitted, TRAIL, writeHouse } from './support/house.js';
import { writeLayout1Door } from './support/layout-1.js';
import { snapshot } from './support/snapshot.js';
import { Killed, stoppingAt } from './support/stopping.js';

const told: string[] = [];
/** Waits pass a hundred times faster. */
const clock: Clock = { ...systemClock, after: (ms, work) => systemClock.after(ms / 100, work) };
const upgrade = (link: StoreAccess, waitMs = 0): Promise<void> =>
  upgradeStore({ link, clock, random: systemRandom, tell: (text) => void told.push(text), waitMs });

async function storesAfter(link: RedisLink) {
  return storesOn(link, undefined, await EarlierCommands.of(link, systemClock));
}

describe('moving a store of layout 1', () => {
  let redis: TestRedis;
  let admin: RedisLink;
  let link: RedisLink;

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
    told.length = 0;
    await admin.client.call('FLUSHALL');
  });

  const leftOver = async (): Promise<readonly string[]> => (await admin.client.keys('ol:{door:*')).sort();

  describe('keeps', () => {
    let now: number;
    let stores: Awaited<ReturnType<typeof storesAfter>>;

    beforeEach(async () => {
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
    const named = (doorId: string, commandId: string) => ({ doorId, commandId, minute: undefined });
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
      expect(texts[0], 'the one that was overdue').to.have.length(2);
      expect(texts[0]?.[0]).to.equal(submitted('late'));
      expect(texts[0]?.[1]).to.contain('indeterminate');
      expect(texts[1]).to.deep.equal([submitted('running'), 'ended']);
      expect(texts).to.have.length(2);
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
      const left = await leftOver();
      expect(left.filter((key) => !/:(command|receipt):/.test(key))).to.deep.equal([]);
      for (const key of left) expect(await link.client.pttl(key), key).to.be.greaterThan(0);
    });
  });

  it('takes what it holds as nobody’s own once it is new, and is new at once', async () => {
    await upgrade(link);
    expect(await link.client.get(fleetKeys.layout)).to.equal('2');
    expect(await EarlierCommands.of(link, systemClock)).to.equal(undefined);
    const before = await snapshot(admin.client);
    await upgrade(link);
    expect(await snapshot(admin.client)).to.deep.equal(before);
    expect(told).to.deep.equal([]);
  });

  it('refuses a store of a later layout', async () => {
    await link.client.set(fleetKeys.layout, '3');
    expect((await failureOf(upgrade(link))).error)
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.includes('layout 3');
  });

  it('refuses while an older relay has a lease, and changes nothing', async () => {
    const now = await writeHouse(admin.client);
    await link.client.zadd('ol:nodes', now + 10_000, 'relay-3', now + 9_000, 'relay-4');
    const before = await snapshot(admin.client);
    const { error } = await failureOf(upgrade(link));
    expect(error)
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.includes('2 relays of an older version run');
    expect(await snapshot(admin.client)).to.deep.equal(before);
    await link.client.zrem('ol:nodes', 'relay-3', 'relay-4');
    await upgrade(link);
  });

  it('refuses when an older relay renews a lease that had ended, as after an outage of Redis', async () => {
    const now = await writeHouse(admin.client);
    const renewed: Clock = {
      ...clock,
      after: (_, work) => {
        void link.client.zadd('ol:nodes', now + 20_000, 'relay-1.a').then(work);
        return () => undefined;
      },
    };
    const work = upgradeStore({ link, clock: renewed, random: systemRandom, tell: () => undefined, waitMs: 0 });
    expect((await failureOf(work)).error)
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.includes('a relay of an older');
    expect(await link.client.type('ol:nodes')).to.equal('zset');
  });

  it('stops what an older relay and an older command line begin with', async () => {
    for (const house of [false, true]) {
      await admin.client.call('FLUSHALL');
      if (house) await writeHouse(admin.client);
      await upgrade(link);
      for (const begin of [
        link.client.zadd('ol:nodes', 1, 'old'),
        link.client.zscore('ol:nodes', 'old'),
        link.client.sadd('ol:doors', 'x'),
        link.client.smembers('ol:doors'),
      ])
        expect((await failureOf(begin)).error)
          .to.have.property('message')
          .that.matches(/^WRONGTYPE/);
    }
  });

  it('is done by one of several; the others wait', async () => {
    await writeHouse(admin.client);
    const others = await Promise.all([redis.link(), redis.link()]);
    await Promise.all([link, ...others].map((each) => upgrade(each, 10_000)));
    expect(told.filter((message) => message === 'moving the store to layout 2: 6 doors')).to.have.length(1);
    expect(told.filter((message) => message.startsWith('waiting'))).to.have.length(2);
    expect(await link.client.exists(fleetKeys.layoutLock)).to.equal(0);
  });

  it('does not wait for ever, and takes over when the lock of a dead one ends', async () => {
    await writeHouse(admin.client);
    await link.client.set(fleetKeys.layoutLock, 'dead', 'PX', 700);
    expect((await failureOf(upgrade(link))).error)
      .to.be.instanceOf(OpenLockError)
      .with.property('code', 'store_unavailable');
    await upgrade(link, 10_000);
    expect(await link.client.get(fleetKeys.layout)).to.equal('2');
  });

  it('moves many doors, some at a time', async () => {
    for (let door = 0; door < 200; door += 1)
      await writeLayout1Door(admin.client, `door-${door}`, {
        record: { name: String(door), createdAt: 1 },
        grants: { [SITE]: 'viewer||' },
      });
    await upgrade(link);
    const stores = await storesAfter(link);
    expect(await stores.records.doorIds()).to.have.length(200);
    for (const doorId of await stores.records.doorIds())
      expect(await stores.grants.grant(doorId, SITE), doorId).to.include({ role: 'viewer' });
    expect(await leftOver()).to.deep.equal([]);
  });

  for (const when of ['before', 'after'] as const) {
    it(`loses and doubles nothing when it is killed ${when} any of its steps`, async function () {
      this.timeout(240_000);
      // What is in the house depends on the time: it is written once, and put back for each step.
      const now = await writeHouse(admin.client);
      const house = await dump(admin);
      const counting = stoppingAt(link, Infinity, when);
      await upgrade(counting);
      const whole = await snapshot(admin.client, now);
      // The last is the end of the lock, which ends by itself.
      for (let step = 1; step < counting.steps; step += 1) {
        await restore(admin, house);
        const killed = await failureOf(upgrade(stoppingAt(link, step, when)));
        expect(killed.error, `step ${step}`).to.be.instanceOf(Killed);
        await link.client.del(fleetKeys.layoutLock);
        await upgrade(link);
        expect(await snapshot(admin.client, now), `step ${step}`).to.deep.equal(whole);
      }
    });
  }
});

describe('moving a store of layout 1 in a Cluster', () => {
  it('keeps everything, stopped again and again', async function () {
    this.timeout(60_000);
    const cluster = await startTestCluster();
    const link = await RedisLink.open({
      ...{ clock: systemClock, url: cluster.url, clientName: 'upgrade-test' },
      commandTimeoutMs: 2000,
    });
    const admins = cluster.nodes.map((node) => new Redis(node.adminUrl));
    try {
      const now = await writeHouse(link.client);
      let stops = 0;
      // Each gets a little further than the one before.
      for (let done = false; !done; stops += 1) {
        done = await upgrade(stoppingAt(link, 9 + stops, stops % 2 === 0 ? 'before' : 'after')).then(
          () => true,
          (error: unknown) => {
            if (error instanceof Killed) return false;
            throw error;
          },
        );
        await link.client.del(fleetKeys.layoutLock);
      }
      expect(stops).to.be.greaterThan(5);
      const stores = await storesAfter(link);
      expect(await stores.records.doorIds()).to.have.length(6);
      expect(await stores.records.record('front')).to.include({ kid: KID, epoch: 17 });
      expect([...(await stores.grants.grants('front')).keys()]).to.have.members([SITE, OTHER_SITE]);
      expect(await stores.presence.presence('front')).to.include({ relay: 'relay-1.a', lastSeen: now - 9000 });
      expect(await stores.commands.read({ doorId: 'front', commandId: 'done', minute: undefined })).to.include({
        receipt: 'r.e.c',
      });
      expect((await stores.audit.read(doorKeys('front').audit, '-', 10_000)).map(({ text }) => text)).to.deep.equal(
        (frontDoor(now).audit?.entries ?? []).map(([, text]) => text),
      );
      expect((await stores.audit.dropped(doorKeys('front').audit))?.count).to.equal(7);
      const left = (await Promise.all(admins.map((admin) => admin.keys('ol:{door:*')))).flat();
      expect(left.filter((key) => !/:(command|receipt):/.test(key))).to.deep.equal([]);
    } finally {
      for (const admin of admins) admin.disconnect();
      await link.close();
      await cluster.stop();
    }
  });
});

type Dump = readonly { readonly key: string; readonly bytes: Buffer; readonly endsAt: number }[];

async function dump({ client }: RedisLink): Promise<Dump> {
  const keys = await client.keys('*');
  return Promise.all(
    keys.map(async (key) => ({
      key,
      bytes: (await client.dumpBuffer(key)) ?? Buffer.alloc(0),
      endsAt: Math.max(0, await client.pexpiretime(key)),
    })),
  );
}

async function restore({ client }: RedisLink, all: Dump): Promise<void> {
  await client.call('FLUSHALL');
  await Promise.all(all.map(({ key, bytes, endsAt }) => client.restore(key, endsAt, bytes, 'ABSTTL')));
}
