import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { ConfigError } from '../../src/config.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { RedisLink, type ConnectionChange } from '../../src/store/redis-link.js';
import { counts, countOnce, failureOf, until } from '../support/counting.js';
import { answers, openAdmin, startTestRedis, type TestRedis } from '../support/redis.js';

const IN_TIME_MS = 1000;

async function expectUnavailable(work: Promise<unknown>): Promise<void> {
  const { error, afterMs } = await failureOf(work);
  expect(error).to.be.instanceOf(OpenLockError);
  expect((error as OpenLockError).code).to.equal('store_unavailable');
  expect((error as OpenLockError).extras.retryAfterMs).to.be.a('number');
  expect(afterMs).to.be.lessThan(IN_TIME_MS);
}

describe('RedisLink', () => {
  let redis: TestRedis;
  let link: RedisLink;

  beforeEach(async () => {
    redis = await startTestRedis(['--appendonly', 'yes']);
    link = await redis.link();
  });

  afterEach(async () => {
    await redis.stop();
  });

  it('calls functions and runs commands as the user of redis/users.acl', async () => {
    await countOnce(link, 'a');
    await countOnce(link, 'a');
    expect(await counts(link)).to.deep.equal(new Map([['a', 2]]));
  });

  it('is kept by its user from other keys, other channels and dangerous commands', async () => {
    for (const work of [
      link.run((client) => client.set('other', '1')),
      link.run((client) => client.publish('other', '1')),
      link.run((client) => client.flushall()),
      link.run((client) => client.config('GET', 'dir')),
      link.run((client) => client.call('SHUTDOWN', 'NOSAVE')),
      link.run((client) => client.call('ACL', 'LIST')),
      link.run((client) => client.call('FUNCTION', 'FLUSH')),
    ]) {
      const { error } = await failureOf(work);
      expect(String(error)).to.match(/NOPERM/);
    }
  });

  it('names its connections so that CLIENT LIST tells who they are', async () => {
    const admin = await RedisLink.open({
      clock: systemClock,
      url: redis.adminUrl,
      clientName: 'openlock-test admin',
      commandTimeoutMs: 800,
    });
    const names = (await admin.run((client) => client.client('LIST') as Promise<string>)).match(/ name=\S+/g);
    expect(names).to.have.members([
      ' name=openlock-test',
      ' name=openlock-test-sub',
      ' name=openlock-test_admin',
      ' name=openlock-test_admin-sub',
    ]);
    await admin.close();
  });

  it('refuses soon with store_unavailable while Redis is gone, and recovers by itself', async () => {
    const changes: ConnectionChange[] = [];
    link.onConnectionChange((change) => changes.push(change));
    const underWay = countOnce(link, 'under way').catch(() => undefined);
    await redis.kill();
    await underWay;
    await until(() => !link.ready);
    await expectUnavailable(countOnce(link, 'gone'));
    await expectUnavailable(link.run((client) => client.get('ol:x')));
    await expectUnavailable(link.publish('ol:fleet', 'x'));
    await expectUnavailable(link.subscribe('ol:fleet', () => undefined));
    await redis.restart();
    await until(() => link.ready);
    await countOnce(link, 'back');
    const ran = await counts(link);
    expect(ran.get('back')).to.equal(1);
    expect(ran.has('gone')).to.equal(false);
    expect(changes.map(({ connected }) => connected)).to.deep.equal([false, true]);
  });

  it('refuses soon while Redis hangs, also a second and third call, and recovers', async () => {
    redis.process.kill('SIGSTOP');
    await Promise.all([
      expectUnavailable(countOnce(link, 'a')),
      expectUnavailable(link.run((client) => client.get('ol:x'))),
    ]);
    await expectUnavailable(countOnce(link, 'b'));
    await expectUnavailable(countOnce(link, 'c'));
    redis.process.kill('SIGCONT');
    let tries = 0;
    await until(() =>
      countOnce(link, `after ${(tries += 1)}`).then(
        () => true,
        () => false,
      ),
    );
    // What was sent before the hang may have run since; nothing ran twice.
    for (const [, count] of await counts(link)) expect(count).to.equal(1);
  });

  it('delivers messages to every listener of a channel, until it unsubscribes', async () => {
    const got: string[] = [];
    const other = await redis.link('other');
    const [endA, endB] = await Promise.all([
      link.subscribe('ol:fleet', (message) => got.push(`a:${message}`)),
      link.subscribe('ol:fleet', (message) => got.push(`b:${message}`)),
    ]);
    await other.publish('ol:fleet', '1');
    await until(() => got.length === 2);
    await endA();
    await other.publish('ol:fleet', '2');
    await until(() => got.length === 3);
    await endB();
    await endB();
    expect(await other.run((client) => client.publish('ol:fleet', '3'))).to.equal(0);
    const again = await link.subscribe('ol:fleet', (message) => got.push(`c:${message}`));
    await other.publish('ol:fleet', '4');
    await until(() => got.length === 4);
    await again();
    expect(got).to.deep.equal(['a:1', 'b:1', 'b:2', 'c:4']);
  });

  it('has its subscriptions back when it says so, and only those that are still wanted', async () => {
    const got: string[] = [];
    const end = await link.subscribe('ol:node:gone', () => got.push('gone'));
    await link.subscribe('ol:node:a', (message) => got.push(message));
    const back: Promise<number> = new Promise((resolve, reject) => {
      link.onResubscribed(() => {
        // At this very moment nothing that is published may be missed any more.
        link.run((client) => client.publish('ol:node:a', 'hint')).then(resolve, reject);
      });
    });
    await redis.kill();
    await until(() => !link.ready);
    await end();
    await redis.restart();
    expect(await back).to.equal(1);
    await until(() => got.length === 1);
    expect(await link.run((client) => client.publish('ol:node:gone', 'x'))).to.equal(0);
    expect(got).to.deep.equal(['hint']);
  });

  it('leaves no listener behind over many reconnections', async () => {
    await link.subscribe('ol:fleet', () => undefined);
    const listeners = (): Record<string, number> =>
      Object.fromEntries(link.client.eventNames().map((name) => [String(name), link.client.listenerCount(name)]));
    const before = listeners();
    const admin = await openAdmin(redis);
    for (let round = 0; round < 12; round += 1) {
      const back = new Promise<void>((resolve) => {
        const end = link.onResubscribed(() => {
          end();
          resolve();
        });
      });
      await admin.run((client) => client.client('KILL', 'USER', 'openlock'));
      await back;
      await until(() => link.ready);
    }
    await countOnce(link, 'still fine');
    expect(listeners()).to.deep.equal(before);
    await admin.close();
  });

  it('keeps the arguments of a failed command out of the error', async () => {
    await link.run((client) => client.set('ol:text', 'x'));
    const { error } = await failureOf(link.run((client) => client.hset('ol:text', 'token', 'SECRET')));
    expect(String(error)).to.match(/WRONGTYPE/);
    expect(JSON.stringify(error)).not.to.include('SECRET');
    await redis.kill();
    const gone = await failureOf(link.run((client) => client.hset('ol:x', 'token', 'SECRET')));
    expect(JSON.stringify((gone.error as OpenLockError).cause)).not.to.include('SECRET');
  });

  it('keeps a mistake of ours visible as one', async () => {
    expect((await failureOf(link.call('no_such_function', [], []))).error).to.have.property('name', 'ReplyError');
    expect((await failureOf(link.run(() => Promise.reject(new TypeError('ours'))))).error).to.be.instanceOf(TypeError);
  });

  it('says at the start what is wrong with the URL, the password, or the network', async () => {
    const open = (url: string): Promise<{ error: unknown; afterMs: number }> =>
      failureOf(
        RedisLink.open({ clock: systemClock, url, clientName: 'test', commandTimeoutMs: 800, openTimeoutMs: 300 }),
      );
    const wrongUrl = await open('redis://');
    expect(wrongUrl.error).to.be.instanceOf(ConfigError);
    expect(String(wrongUrl.error)).to.include('OPENLOCK_REDIS_URL');
    for (const url of [
      redis.url.replace('test-password', 'wrong'),
      `unix://${redis.socketPath}`,
      `${redis.url}?db=99`,
    ]) {
      const { error, afterMs } = await open(url);
      expect(error).to.be.instanceOf(ConfigError);
      expect(afterMs).to.be.lessThan(250);
      expect(String(error)).to.match(/OPENLOCK_REDIS_URL.*refuses the user, password or database/);
    }
    const nobody = await open(`unix://${redis.socketPath}.none`);
    expect((nobody.error as OpenLockError).code).to.equal('store_unavailable');
    expect(String(nobody.error)).to.contain(`unix://${redis.socketPath}.none`).and.contain('ENOENT');
    expect(nobody.afterMs).to.be.lessThan(1500);
  });

  it('waits at the start for a Redis that is just coming up', async () => {
    await redis.kill();
    const opening = redis.link('early');
    await redis.restart();
    await countOnce(await opening, 'early');
    expect(await answers(redis.socketPath)).to.equal(true);
  });
});
