import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import type { OpenLockError } from '../../src/protocol/problem.js';
import { RedisLink } from '../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../support/counting.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** protocol 6.7: a lost reply is never answered by sending again. */
describe('a call whose reply is lost', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let link: RedisLink;
  let observer: RedisLink;

  beforeEach(async () => {
    redis = await startTestRedis();
    proxy = await TcpProxy.start(redis.socketPath);
    const credentials = /^unix:\/\/([^@]+)@/.exec(redis.url)?.[1] ?? '';
    link = await RedisLink.open({
      clock: systemClock,
      url: `redis://${credentials}@127.0.0.1:${proxy.port}`,
      clientName: 'behind-proxy',
      commandTimeoutMs: 300,
    });
    observer = await redis.link('observer');
  });

  afterEach(async () => {
    await link.close();
    await proxy.stop();
    await redis.stop();
  });

  async function expectLost(work: Promise<unknown>): Promise<void> {
    const { error, afterMs } = await failureOf(work);
    expect((error as OpenLockError).code).to.equal('store_unavailable');
    expect(afterMs).to.be.lessThan(1000);
  }

  it('has run exactly once when the connection breaks, ten times over', async () => {
    for (let round = 0; round < 10; round += 1) {
      const field = `cut ${round}`;
      proxy.swallowReplies = true;
      const lost = expectLost(countOnce(link, field));
      await until(async () => (await counts(observer)).has(field));
      proxy.cut();
      proxy.swallowReplies = false;
      await lost;
      await until(() => link.ready);
      await countOnce(link, `after ${round}`);
      const ran = await counts(observer);
      expect(ran.get(field)).to.equal(1);
      expect(ran.get(`after ${round}`)).to.equal(1);
    }
  });

  it('has run exactly once when the reply never comes and the time is up', async () => {
    proxy.swallowReplies = true;
    await expectLost(countOnce(link, 'silent'));
    await until(() => !link.ready);
    proxy.swallowReplies = false;
    await until(() => link.ready);
    await countOnce(link, 'after');
    expect(await counts(observer)).to.deep.equal(
      new Map([
        ['silent', 1],
        ['after', 1],
      ]),
    );
  });

  it('has run at most once for every one of a hundred calls under way when the connection breaks', async () => {
    const replied = new Set<string>();
    let cutting = false;
    proxy.onRequest = () => {
      // Some replies pass, then the line is cut in the middle of the rest.
      if (!cutting && replied.size > 20) {
        cutting = true;
        proxy.swallowReplies = true;
        setTimeout(() => proxy.cut(), 5);
      }
    };
    const workers = Array.from({ length: 10 }, async (_, worker) => {
      for (let call = 0; call < 10; call += 1) {
        const field = `${worker}/${call}`;
        await countOnce(link, field).then(
          () => replied.add(field),
          () => undefined,
        );
      }
    });
    await Promise.all(workers);
    proxy.swallowReplies = false;
    await until(() => link.ready);
    await countOnce(link, 'after');
    const ran = await counts(observer);
    expect(cutting).to.equal(true);
    for (const [, count] of ran) expect(count).to.equal(1);
    for (const field of replied) expect(ran.get(field)).to.equal(1);
  });
});
