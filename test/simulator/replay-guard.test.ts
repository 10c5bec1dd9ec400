import { expect } from 'chai';

import { DoorClock } from '../../src/simulator/door-clock.js';
import { ReplayGuard } from '../../src/simulator/replay-guard.js';
import { FakeTime } from './support/fake-time.js';

describe('ReplayGuard (protocol 6.6)', () => {
  let time: FakeTime;
  let clock: DoorClock;

  beforeEach(() => {
    time = new FakeTime();
    clock = new DoorClock(time, 0);
    clock.sntp(1_000_000);
  });

  it('takes what is within 60 s of the clock, either way', () => {
    const guard = new ReplayGuard(clock, 0, 4);
    expect([940_000, 1_060_000].map((iat) => guard.isFresh(iat))).to.deep.equal([true, true]);
    expect([939_999, 1_060_001].map((iat) => guard.isFresh(iat))).to.deep.equal([false, false]);
  });

  it('refuses after a boot what is not newer than the mark, for the ring is gone', () => {
    const guard = new ReplayGuard(clock, 1_000_000, 4);
    expect(guard.isFresh(1_000_000)).to.equal(false);
    expect(guard.isFresh(1_000_001)).to.equal(true);
  });

  it('is full at its capacity and says so instead of forgetting', () => {
    const guard = new ReplayGuard(clock, 0, 2);
    expect(guard.record('a', 1_000_000)).to.equal(true);
    expect(guard.record('b', 1_000_000)).to.equal(true);
    expect(guard.record('c', 1_000_000)).to.equal(false);
    expect(guard.has('a')).to.equal(true);
    expect(guard.has('c')).to.equal(false);
  });

  it('forgets an entry only when no clock the relay can make would find it fresh', () => {
    const guard = new ReplayGuard(clock, 0, 1);
    guard.record('a', 1_000_000);
    time.advance(119_000);
    expect(guard.record('b', clock.now())).to.equal(false);
    clock.relay(0); // a relay that puts the clock back as far as it can
    expect(guard.isFresh(1_000_000)).to.equal(true);
    expect(guard.has('a')).to.equal(true);
    time.advance(2000);
    expect(guard.isFresh(1_000_000)).to.equal(false);
    expect(guard.record('b', clock.now())).to.equal(true);
    expect(guard.has('a')).to.equal(false);
  });
});
