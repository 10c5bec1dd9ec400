import { randomBytes } from 'node:crypto';

import { expect } from 'chai';
import { Redis } from 'ioredis';

import { systemClock } from '../../src/clock.js';
import type { OpenLockError } from '../../src/protocol/problem.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { imageOf, releaseDesk } from '../updates/support/releases.js';
import { counts, countOnce, failureOf, until } from '../support/counting.js';
import { startTestCluster, type TestCluster } from '../support/redis-cluster.js';
import { makeRelease, makeReleaseKey } from '../support/releases.js';

describe('a Redis Cluster of three masters', () => {
  let cluster: TestCluster;
  let link: RedisLink;
  let admins: readonly Redis[];

  before(async () => {
    cluster = await startTestCluster();
    link = await RedisLink.open({
      clock: systemClock,
      url: cluster.url,
      clientName: 'cluster-test',
      commandTimeoutMs: 500,
    });
    admins = cluster.nodes.map((node) => new Redis(node.adminUrl).on('error', () => undefined));
  });

  after(async () => {
    for (const admin of admins) admin.disconnect();
    await link.close();
    await cluster.stop();
  });

  const libraries = (): Promise<readonly number[]> =>
    Promise.all(admins.map(async (admin) => ((await admin.call('FUNCTION', 'LIST')) as unknown[]).length));

  it('has the functions library on every master', async () => {
    expect(await libraries()).to.deep.equal([1, 1, 1]);
  });

  it('runs a function of two keys under one hash tag, and commands on keys of every master', async () => {
    await countOnce(link, 'a');
    expect((await counts(link)).get('a')).to.equal(1);
    const keys = Array.from({ length: 30 }, (_, door) => `ol:{door:d${door}}:record`);
    await Promise.all(keys.map((key) => link.run((client) => client.hset(key, 'name', key))));
    expect(await Promise.all(keys.map((key) => link.run((client) => client.hget(key, 'name'))))).to.deep.equal(keys);
    const sizes = await Promise.all(admins.map((admin) => admin.dbsize()));
    for (const size of sizes) expect(size).to.be.greaterThan(3);
  });

  it('takes a firmware image in pieces, and makes it a release, under one hash tag', async () => {
    const key = makeReleaseKey();
    const { image, manifest, sha256 } = makeRelease({ key, version: '1.0.0', image: randomBytes(200_000) });
    const desk = releaseDesk(link);
    await desk.service.trust(key.pem);
    expect((await desk.service.publish({ image: imageOf(image), manifest })).outcome).to.equal('published');
    expect((await desk.store.readImage(sha256, 0, image.length)).equals(image)).to.equal(true);
    expect((await desk.service.withdraw('1.0.0')).changed).to.equal(true);
  });

  it('loads the library on a master that lost it, without running a call twice', async () => {
    for (const admin of admins) await admin.call('FUNCTION', 'FLUSH');
    await Promise.all(Array.from({ length: 20 }, (_, call) => countOnce(link, `flushed ${call}`)));
    for (const [, count] of await counts(link)) expect(count).to.equal(1);
    expect(await libraries()).to.deep.equal([1, 1, 1]);
  });

  it('never sends a call again whose reply was lost', async () => {
    for (let round = 0; round < 3; round += 1) {
      const field = `lost ${round}`;
      for (const { proxy } of cluster.nodes) proxy.swallowReplies = true;
      const lost = failureOf(countOnce(link, field));
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const { proxy } of cluster.nodes) {
        proxy.cut();
        proxy.swallowReplies = false;
      }
      const { error, afterMs } = await lost;
      expect((error as OpenLockError).code).to.equal('store_unavailable');
      expect(afterMs).to.be.lessThan(1000);
      await until(() =>
        countOnce(link, `probe ${round} ${Math.random()}`).then(
          () => true,
          () => false,
        ),
      );
      const ran = await counts(link);
      expect(ran.get(field), field).to.equal(1);
      for (const [, count] of ran) expect(count).to.equal(1);
    }
  });

  it('passes messages between links, also after the node with the subscription went away', async () => {
    const got: string[] = [];
    const listener = (message: string): void => void got.push(message);
    await until(() =>
      link.subscribe('ol:fleet', listener).then(
        () => true,
        () => false,
      ),
    );
    await link.publish('ol:fleet', 'first');
    await until(() => got.length === 1);
    const back = new Promise<void>((resolve) => void link.onResubscribed(resolve));
    await Promise.all(admins.map((admin) => admin.client('KILL', 'TYPE', 'pubsub')));
    await back;
    await until(() =>
      link.publish('ol:fleet', 'second').then(
        () => true,
        () => false,
      ),
    );
    await until(() => got.includes('second'));
  });

  it('refuses soon while a master is gone, and recovers by itself when it is back', async () => {
    const keys = Array.from({ length: 12 }, (_, door) => `ol:{door:x${door}}:record`);
    const touchAll = (): Promise<readonly PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(keys.map((key) => link.run((client) => client.hset(key, 'a', '1'))));
    await cluster.nodes[1]?.kill();
    const begun = performance.now();
    const results = await touchAll();
    expect(performance.now() - begun).to.be.lessThan(1000);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).not.to.be.empty;
    for (const { reason } of refused) expect((reason as OpenLockError).code).to.equal('store_unavailable');
    await cluster.nodes[1]?.restart();
    await until(async () => (await touchAll()).every(({ status }) => status === 'fulfilled'), 10_000);
    await countOnce(link, 'recovered');
  });
});
