import { expect } from 'chai';
import { Redis } from 'ioredis';

import { systemClock } from '../../../src/clock.js';
import { doorKeys, fleetKeys } from '../../../src/store/keys.js';
import { RedisLink } from '../../../src/store/redis-link.js';
import { startTestCluster, type TestCluster } from '../../support/redis-cluster.js';
import { frontDoor, KID, OTHER_SITE, SITE, writeHouse } from './support/house.js';
import { Killed, stoppingAt } from './support/stopping.js';
import { named, storesAfter, upgrade } from './support/upgrading.js';

describe('moving a store of layout 1 in a Cluster', () => {
  let cluster: TestCluster;
  let link: RedisLink;
  let admins: readonly Redis[] = [];

  before(async () => {
    cluster = await startTestCluster();
    link = await RedisLink.open({
      ...{ clock: systemClock, url: cluster.url, clientName: 'upgrade-test' },
      commandTimeoutMs: 2000,
    });
    admins = cluster.nodes.map((node) => new Redis(node.adminUrl));
  });

  after(async () => {
    for (const admin of admins) admin.disconnect();
    await link?.close();
    await cluster?.stop();
  });

  it('keeps everything, stopped again and again', async function () {
    this.timeout(60_000);
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
    expect(await stores.commands.read(named('front', 'done'))).to.include({
      receipt: 'r.e.c',
    });
    expect((await stores.audit.read(doorKeys('front').audit, '-', 10_000)).map(({ text }) => text)).to.deep.equal(
      (frontDoor(now).audit?.entries ?? []).map(([, text]) => text),
    );
    expect((await stores.audit.dropped(doorKeys('front').audit))?.count).to.equal(7);
    const left = (await Promise.all(admins.map((admin) => admin.keys('ol:{door:*')))).flat();
    expect(left.filter((key) => !/:(command|receipt):/.test(key))).to.deep.equal([]);
  });
});
