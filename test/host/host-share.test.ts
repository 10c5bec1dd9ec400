import { expect } from 'chai';

import { FakeClock } from '../support/fake-clock.js';
import { TestHost, type TestProcess } from './support.js';

const ADDRESS = '192.0.2.1';

describe('limits that the processes of a host count together', () => {
  let clock: FakeClock;
  let host: TestHost;
  let all: readonly TestProcess[];

  beforeEach(() => {
    clock = new FakeClock();
    host = new TestHost(clock, { rate: 50, places: 20 });
    all = [host.add(), host.add(), host.add(), host.add()];
  });

  const take = (address = ADDRESS): number => all.filter(({ limiter }) => limiter.take(address).allowed).length;

  it('an address that floods all of them gets what one process would give, and the first burst', async () => {
    let allowed = 0;
    const perSecond: number[] = [];
    for (let second = 0; second < 30; second += 1) {
      const before = allowed;
      for (let step = 0; step < 200; step += 1) {
        allowed += take();
        await clock.advance(5);
      }
      perSecond.push(allowed - before);
    }
    // One process: a bucket of 50, and 50 a second. The bound: four buckets, once, and paid back.
    expect(allowed)
      .to.be.at.least(30 * 50)
      .and.at.most(31 * 50 + 3 * 50);
    expect(Math.max(...perSecond)).to.be.at.most(4 * 50);
    for (const count of perSecond.slice(5)) expect(count).to.be.within(40, 65);
  });

  it('what all allow before they hear of each other is paid back', async () => {
    host.isHeld = true;
    let allowed = 0;
    for (let count = 0; count < 60; count += 1) allowed += take();
    expect(allowed).to.equal(4 * 50);
    await clock.advance(10);
    host.release();
    await clock.advance(0);
    // 200 were allowed: three seconds beyond the bucket.
    await clock.advance(2_900);
    expect(take()).to.equal(0);
    await clock.advance(500);
    expect(take()).to.be.greaterThan(0);
    expect(all[0]?.limiter.take('192.0.2.2').allowed).to.equal(true);
  });

  it('one that uses one process alone has its whole limit there, and none left elsewhere', async () => {
    const [one, other] = all;
    for (let count = 0; count < 50; count += 1) expect(one?.limiter.take(ADDRESS).allowed).to.equal(true);
    await clock.advance(10);
    const verdict = other?.limiter.take(ADDRESS);
    expect(verdict?.allowed).to.equal(false);
    expect(verdict?.retryAfterMs).to.be.within(1, 20);
    await clock.advance(1_000);
    for (let count = 0; count < 50; count += 1) expect(other?.limiter.take(ADDRESS).allowed).to.equal(true);
  });

  it('ten seconds above the limit are said by one of them', async () => {
    let told = 0;
    for (let step = 0; step < 25_000 / 20; step += 1) {
      for (const { limiter } of all)
        for (let count = 0; count < 3; count += 1) if (limiter.take(ADDRESS).sustained) told += 1;
      await clock.advance(20);
    }
    expect(told).to.equal(2);
  });

  it('places taken in one are taken in all, and free when they are given back', async () => {
    const [one, other] = all;
    const given = Array.from({ length: 20 }, () => one?.places.take('site'));
    expect(given.every((place) => place !== undefined)).to.equal(true);
    await clock.advance(10);
    expect(other?.places.take('site')).to.equal(undefined);
    expect(other?.places.take('another')).not.to.equal(undefined);
    given[0]?.();
    await clock.advance(100);
    expect(other?.places.take('site')).not.to.equal(undefined);
    await clock.advance(100);
    expect(one?.places.take('site')).to.equal(undefined);
  });

  it('a process that ends frees its places; one that begins hears what the others hold', async () => {
    const [one, other] = all as [TestProcess, TestProcess];
    for (let count = 0; count < 12; count += 1) one.places.take('site');
    for (let count = 0; count < 8; count += 1) other.places.take('site');
    await clock.advance(100);
    const late = host.add();
    await clock.advance(10);
    expect(late.places.take('site')).to.equal(undefined);
    host.remove(one);
    expect(late.places.take('site')).not.to.equal(undefined);
  });

  it('a place given back while a process began is told to all', async () => {
    const [one, other] = all as [TestProcess, TestProcess];
    const places = Array.from({ length: 20 }, () => one.places.take('site'));
    await clock.advance(100);
    host.add();
    for (const free of places) free?.();
    await clock.advance(100);
    expect(other.places.take('site')).not.to.equal(undefined);
  });

  it('little is said every 100 ms, a lot every 10 ms, and nothing where nothing happened', async () => {
    const [one] = all;
    one?.limiter.take(ADDRESS);
    await clock.advance(99);
    expect(host.sent).to.have.length(0);
    await clock.advance(1);
    expect(host.sent).to.have.length(1);
    for (let count = 0; count < 7; count += 1) one?.limiter.take(ADDRESS);
    await clock.advance(10);
    expect(host.sent).to.have.length(2);
    // Taken and given back in between.
    one?.places.take('site')?.();
    await clock.advance(5_000);
    expect(host.sent).to.have.length(2);
    expect(clock.pending).to.equal(0);
  });

  it('says nothing more before the last report is on its way, and nothing is lost', async () => {
    const [one, other] = all;
    host.isHeld = true;
    for (let count = 0; count < 25; count += 1) one?.limiter.take(ADDRESS);
    await clock.advance(1_000);
    for (let count = 0; count < 50; count += 1) one?.limiter.take(ADDRESS);
    await clock.advance(10);
    expect(host.sent).to.have.length(0);
    host.release();
    await clock.advance(100);
    expect(host.sent).to.have.length(2);
    expect(other?.limiter.take(ADDRESS).allowed).to.equal(false);
  });
});
