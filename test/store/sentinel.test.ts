import { expect } from 'chai';
import { Redis } from 'ioredis';

import { systemClock } from '../../src/clock.js';
import type { OpenLockError } from '../../src/protocol/problem.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../support/counting.js';
import { startTestSentinel, type TestSentinel } from '../support/redis-sentinel.js';

describe('a master under Sentinel', () => {
  let sentinel: TestSentinel;
  let link: RedisLink;
  let replica: Redis;

  before(async () => {
    sentinel = await startTestSentinel();
    replica = new Redis(sentinel.adminUrls[1]).on('error', () => undefined);
    await until(async () => (await replica.info('replication')).includes('master_link_status:up'), 10_000);
    link = await RedisLink.open({
      clock: systemClock,
      url: sentinel.url,
      clientName: 'sentinel-test',
      commandTimeoutMs: 500,
    });
  });

  after(async () => {
    replica.disconnect();
    await link.close();
    await sentinel.stop();
  });

  it('is found through Sentinel', async () => {
    await countOnce(link, 'a');
    expect((await counts(link)).get('a')).to.equal(1);
  });

  it('is followed to the replica when it dies, with refusals in between and the subscriptions back', async () => {
    const got: string[] = [];
    await link.subscribe('ol:fleet', (message) => got.push(message));
    const resubscribed = new Promise<void>((resolve) => void link.onResubscribed(resolve));
    await sentinel.killMaster();
    await until(() => !link.ready);
    const { error, afterMs } = await failureOf(countOnce(link, 'gone'));
    expect((error as OpenLockError).code).to.equal('store_unavailable');
    expect(afterMs).to.be.lessThan(1000);
    await until(() => link.ready, 15_000);
    await resubscribed;
    expect(await replica.info('replication')).to.include('role:master');
    await countOnce(link, 'b');
    const ran = await counts(link);
    expect(ran.get('b')).to.equal(1);
    expect(ran.has('gone')).to.equal(false);
    await link.publish('ol:fleet', 'here');
    await until(() => got.includes('here'));
  });

  it('is left when it is demoted, and used again when it is a master again', async () => {
    const { hostname, port } = new URL(sentinel.adminUrls[0]);
    await replica.call('REPLICAOF', hostname, port);
    const { error } = await failureOf(countOnce(link, 'read-only'));
    expect((error as OpenLockError).code).to.equal('store_unavailable');
    await until(() => !link.ready);
    await replica.call('REPLICAOF', 'NO', 'ONE');
    await until(() => link.ready, 10_000);
    await countOnce(link, 'c');
    expect((await counts(link)).has('read-only')).to.equal(false);
  });
});
