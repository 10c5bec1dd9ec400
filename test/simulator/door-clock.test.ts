import { expect } from 'chai';

import { DoorClock, MAX_RELAY_SHIFT_MS } from '../../src/simulator/door-clock.js';
import { FakeTime } from './support/fake-time.js';

describe('DoorClock (protocol 6.6)', () => {
  it('shows the mark until something sets it', () => {
    expect(new DoorClock(new FakeTime(), 500).now()).to.equal(500);
  });

  it('takes SNTP before the first welcome and not after', () => {
    const time = new FakeTime();
    const clock = new DoorClock(time, 0);
    clock.sntp(1_000_000);
    clock.relay(1_000_000);
    clock.sntp(9_000_000);
    time.advance(10);
    expect(clock.now()).to.equal(1_000_010);
  });

  it('is set by the first welcome when there is no SNTP', () => {
    const clock = new DoorClock(new FakeTime(), 0);
    clock.relay(5_000_000);
    expect(clock.now()).to.equal(5_000_000);
  });

  it('follows relay time by no more than 60 s from its own count, however often it is told', () => {
    const time = new FakeTime();
    const clock = new DoorClock(time, 0);
    clock.sntp(1_000_000);
    for (let step = 1; step <= 10; step += 1) clock.relay(clock.now() + 50_000);
    expect(clock.now()).to.equal(1_000_000 + MAX_RELAY_SHIFT_MS);
    for (let step = 1; step <= 10; step += 1) clock.relay(clock.now() - 50_000);
    expect(clock.now()).to.equal(1_000_000 - MAX_RELAY_SHIFT_MS);
    clock.relay(1_000_300);
    time.advance(1000);
    expect(clock.now()).to.equal(1_001_300);
  });

  it('never shows less than the mark', () => {
    const clock = new DoorClock(new FakeTime(), 2_000_000);
    clock.sntp(1_000_000);
    expect(clock.now()).to.equal(2_000_000);
    clock.raiseMark(2_500_000);
    expect(clock.now()).to.equal(2_500_000);
  });

  it('can never be made to show less than `earliest` says', () => {
    const time = new FakeTime();
    const clock = new DoorClock(time, 0);
    clock.sntp(1_000_000);
    const earliest = clock.earliest();
    clock.relay(0);
    expect(clock.now()).to.be.at.least(earliest);
  });
});
