import { expect } from 'chai';

import { DoorClock } from '../../src/simulator/door-clock.js';
import { ReplayGuard } from '../../src/simulator/replay-guard.js';
import { FakeTime } from './support/fake-time.js';

const NOW = 1_800_000_000_000;

describe('ReplayGuard (protocol 6.6)', () => {
  let time: FakeTime;
  let clock: DoorClock;
  let sntp: number;

  beforeEach(() => {
    time = new FakeTime(NOW);
    sntp = 0;
    clock = new DoorClock(
      time,
      0,
      () => time.now() + sntp,
      () => undefined,
    );
    clock.relay(time.now());
  });

  /** Whether a jti it has not seen would be taken with this iat. */
  const fresh = (guard: ReplayGuard, iat: number): boolean => guard.judge('unseen', iat) === undefined;
  const make = (mark: number, capacity: number): ReplayGuard => new ReplayGuard(clock, time, mark, [], capacity);

  it('takes what is within 60 s of the clock, either way', () => {
    const guard = make(0, 4);
    expect([-60_000, 60_000].map((off) => fresh(guard, NOW + off))).to.deep.equal([true, true]);
    expect([-60_001, 60_001].map((off) => fresh(guard, NOW + off))).to.deep.equal([false, false]);
  });

  it('refuses after a boot what is not newer than the mark, for the ring is gone', () => {
    const guard = make(NOW, 4);
    expect(fresh(guard, NOW)).to.equal(false);
    expect(fresh(guard, NOW + 1)).to.equal(true);
  });

  it('says `replayed` of what it remembers, `stale` of what is only too old: nobody knows what became of that', () => {
    const guard = new ReplayGuard(clock, time, NOW, ['before the boot'], 4);
    guard.record('a', NOW + 1);
    expect(guard.judge('a', NOW + 1)).to.equal('replayed');
    expect(guard.judge('a', NOW - 1), 'a retry with an iat of its own').to.equal('replayed');
    expect(guard.judge('before the boot', NOW + 5)).to.equal('replayed');
    expect(guard.judge('b', NOW)).to.equal('stale');
    expect(guard.judge('a', NOW - 60_001)).to.equal('stale');
  });

  it('is full at its capacity and says so instead of forgetting', () => {
    const guard = make(0, 2);
    expect(guard.record('a', NOW)).to.equal(true);
    expect(guard.record('b', NOW)).to.equal(true);
    expect(guard.record('c', NOW)).to.equal(false);
    expect(guard.has('a')).to.equal(true);
    expect(guard.has('c')).to.equal(false);
  });

  it('remembers a jti past the last moment a retry of 45 s later could be taken for fresh', () => {
    const guard = make(0, 1);
    guard.record('a', NOW);
    time.advance(105_000);
    clock.relay(time.now());
    expect(fresh(guard, NOW + 45_000)).to.equal(true);
    expect(guard.record('b', time.now())).to.equal(false);
    expect(guard.has('a')).to.equal(true);
    time.advance(15_001);
    expect(guard.record('b', time.now())).to.equal(true);
    expect(guard.has('a')).to.equal(false);
  });

  it('takes nothing at or below an iat it has forgotten, wherever the clock goes', () => {
    // The time servers are an hour ahead, the relay too; what was taken then is forgotten before they are right again.
    sntp = 3_600_000;
    clock = new DoorClock(
      time,
      0,
      () => time.now() + sntp,
      () => undefined,
    );
    clock.relay(time.now() + sntp);
    const guard = make(0, 1);
    const later = NOW + 3_600_000;
    guard.record('a', later);
    time.advance(120_001);
    clock.relay(time.now() + sntp);
    expect(guard.record('b', clock.now())).to.equal(true);
    expect(guard.has('a')).to.equal(false);
    sntp = 0;
    clock.relay(time.now());
    time.advance(later - time.now());
    clock.relay(time.now());
    expect(clock.now()).to.equal(later);
    expect(fresh(guard, later)).to.equal(false);
    expect(fresh(guard, later + 1)).to.equal(true);
  });

  it('remembers what came with a challenge for two minutes by itself, and lets its iat move no floor', () => {
    const guard = make(0, 1);
    guard.record('a', undefined);
    time.advance(120_000);
    expect(guard.record('b', NOW)).to.equal(false);
    time.advance(1);
    expect(guard.record('b', time.now())).to.equal(true);
    expect(fresh(guard, time.now() - 60_000)).to.equal(true);
  });
});
