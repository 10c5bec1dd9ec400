import { randomBytes } from 'node:crypto';

import { expect } from 'chai';
import { Redis } from 'ioredis';

import { systemClock } from '../../src/clock.js';
import type { OpenLockError } from '../../src/protocol/problem.js';
import { storesOn } from '../../src/app/store.js';
import { minuteOf } from '../../src/store/command-store.js';
import { doorKeys, shardOf } from '../../src/store/keys.js';
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
    const keys = Array.from({ length: 30 }, (_, door) => doorKeys(`door-${door}`).record);
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

  it('does in one turn what is asked of doors of many shards, and of many sites: a call a shard, a call a site', async () => {
    const sizes: number[] = [];
    const stores = storesOn(link, (items) => sizes.push(items));
    const kid = 'k'.repeat(43);
    const entry = '{"at":0,"node":"t","kind":"t","actor":"t"}';
    const doorIds = Array.from({ length: 40 }, (_, door) => `busy-${door}`);
    for (const doorId of doorIds) {
      const token = { tokenHash: 'x', tokenUntil: 1, kid: undefined };
      await stores.records.add(doorId, { name: '', ...token, auditEntry: entry });
      const { record } = doorKeys(doorId);
      await link.run((client) => client.hset(record, 'kid', kid, 'node', 'a', 'conn', 'c', 'epoch', 1));
      const grant = { role: 'user', notBefore: undefined, notAfter: undefined };
      await stores.grants.setGrant(doorId, 'site', grant, entry);
    }
    const iat = Date.now();
    const name = (doorId: string) => ({ doorId, commandId: `id-${doorId}`, minute: minuteOf(iat) });
    const admitted = await Promise.all(
      doorIds.map((doorId) =>
        stores.commands.admit({
          ...{ ...name(doorId), siteId: 'site', jwe: 'jwe', scope: 'operate', kid, iat, node: 'b', conn: undefined },
          ...{ liveNodes: ',a,b,', timeoutMs: 5000, builtInRole: undefined, auditEntry: entry },
        }),
      ),
    );
    expect(new Set(admitted.map(({ outcome }) => outcome))).to.deep.equal(new Set(['pending']));
    expect(sizes, 'one call a shard').to.have.length(new Set(doorIds.map(shardOf)).size);
    const claims = await Promise.all(doorIds.map((doorId) => stores.commands.claim(name(doorId), 'a', 'c')));
    expect(claims.every((claim) => 'jwe' in claim)).to.equal(true);
    const settled = await Promise.all(
      doorIds.map((doorId) =>
        stores.commands.settle({
          ...{ ...name(doorId), status: 200, credentialRefused: false, receipt: 'r', node: 'a', auditEntry: entry },
        }),
      ),
    );
    expect(settled.every(({ state }) => state === 'executed')).to.equal(true);
    const unknown = { ...name('busy-7'), minute: undefined };
    expect(await stores.commands.read(unknown)).to.include({ state: 'executed', receipt: 'r' });
    const session = { sessionId: 's', email: 'a@shop.example', origin: 'https://shop.example', verifiedAt: 1 };
    const sites = Array.from({ length: 9 }, (_, site) => `busy-site-${site}`);
    for (const siteId of sites)
      await stores.sites.openSession({ siteId, ...session, refreshHash: 'x', lifeMs: 60_000, auditEntry: entry });
    const asked = [...sites, ...sites, 'nobody'].map((siteId) => stores.sites.admit(siteId, 's', 1, 1, 0.001));
    const waits = await Promise.all(asked);
    expect(waits.slice(0, 9)).to.deep.equal(sites.map(() => 0));
    for (const wait of waits.slice(9, 18)) expect(wait, 'its token is gone').to.be.above(0);
    expect(waits.at(-1)).to.equal(-1);
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
    const keys = Array.from({ length: 12 }, (_, door) => doorKeys(`gone-${door}`).record);
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
