import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { openOperator } from '../../../src/app/operator.js';
import { systemClock, type Clock } from '../../../src/clock.js';
import { ConfigError, readConfig } from '../../../src/config.js';
import { OpenLockError } from '../../../src/protocol/problem.js';
import { doorKeys, fleetKeys } from '../../../src/store/keys.js';
import { EarlierCommands } from '../../../src/store/layout/earlier-commands.js';
import type { StoreAccess } from '../../../src/store/layout/layout-1.js';
import type { RedisLink } from '../../../src/store/redis-link.js';
import { failureOf } from '../../support/counting.js';
import { openAdmin, startTestRedis, type TestRedis } from '../../support/redis.js';
import { startTestRelay } from '../../support/relay.js';
import { SITE, writeHouse } from './support/house.js';
import { writeLayout1Door } from './support/layout-1.js';
import { snapshot } from './support/snapshot.js';
import { Killed, stoppingAt } from './support/stopping.js';
import { hurriedClock, storesAfter, upgrade } from './support/upgrading.js';

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
    await admin.client.call('FLUSHALL');
  });

  const leftOver = async (): Promise<readonly string[]> => (await admin.client.keys('ol:{door:*')).sort();

  it('is nothing where there is nothing, nor a second time', async () => {
    await upgrade(link);
    expect(await link.client.get(fleetKeys.layout)).to.equal('2');
    expect(await EarlierCommands.of(link, systemClock)).to.equal(undefined);
    const before = await snapshot(admin.client);
    const told: string[] = [];
    await upgrade(link, { tell: (text) => void told.push(text) });
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
      ...hurriedClock,
      after: (_, work) => {
        void link.client.zadd('ol:nodes', now + 20_000, 'relay-1.a').then(work);
        return () => undefined;
      },
    };
    const work = upgrade(link, { clock: renewed });
    expect((await failureOf(work)).error)
      .to.be.instanceOf(ConfigError)
      .with.property('message')
      .that.includes('A relay of an older');
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
    const told: string[] = [];
    const tell = (text: string): void => void told.push(text);
    await Promise.all([link, ...others].map((each) => upgrade(each, { waitMs: 10_000, tell })));
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
    await upgrade(link, { waitMs: 10_000 });
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

  it('is the first thing a relay and a command line do with a store', async () => {
    const now = await writeHouse(admin.client);
    await link.client.zadd('ol:nodes', now + 60_000, 'relay-3');
    expect((await failureOf(startTestRelay(redis.url))).error).to.be.instanceOf(ConfigError);
    const dataDir = mkdtempSync(join(tmpdir(), 'openlock-upgrade-'));
    const config = readConfig({ OPENLOCK_DATA_DIR: dataDir, OPENLOCK_REDIS_URL: redis.url });
    expect((await failureOf(openOperator(config, { actor: 'cli:tester' }))).error).to.be.instanceOf(ConfigError);
    await link.client.del('ol:nodes');
    const told: string[] = [];
    const operator = await openOperator(config, { actor: 'cli:tester' }, (text) => void told.push(text));
    expect((await operator.doors.list()).map(({ doorId }) => doorId)).to.deep.equal(['back', 'front', 'new', 'side']);
    expect(told.at(-1)).to.equal('the store has layout 2 now');
    await operator.close();
    rmSync(dataDir, { recursive: true, force: true });
    const relay = await startTestRelay(redis.url);
    await relay.stop();
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

describe('moving a store of layout 1 while Redis dies and comes back', () => {
  it('goes on where it was', async function () {
    this.timeout(30_000);
    const redis = await startTestRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    try {
      const link = await redis.link();
      for (let door = 0; door < 60; door += 1)
        await writeLayout1Door(link.client, `door-${door}`, {
          record: { name: String(door), createdAt: 1 },
          audit: {
            entries: [
              ['1-0', 'first'],
              ['2-0', 'second'],
            ],
          },
        });
      let calls = 0;
      let back = Promise.resolve();
      const dying: StoreAccess = {
        call: (...call) => {
          calls += 1;
          if (calls === 100) back = redis.kill().then(() => redis.restart());
          return link.call(...call);
        },
        run: (work) => link.run(work),
      };
      const told: string[] = [];
      await upgrade(dying, { clock: systemClock, tell: (text) => void told.push(text) });
      await back;
      expect(told.filter((text) => text.includes('could not be moved'))).not.to.be.empty;
      const stores = await storesAfter(link);
      for (let door = 0; door < 60; door += 1) {
        expect(await stores.records.record(`door-${door}`)).to.include({ name: String(door) });
        const entries = await stores.audit.read(doorKeys(`door-${door}`).audit, '-', 10);
        expect(entries.map(({ text }) => text)).to.deep.equal(['first', 'second']);
      }
    } finally {
      await redis.stop();
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
