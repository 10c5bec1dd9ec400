import { expect } from 'chai';

import { DoorClock, type SntpSource } from '../../src/simulator/door-clock.js';
import { FakeTime } from './support/fake-time.js';

const TRUE_TIME = 1_800_000_000_000;

describe('DoorClock (protocol 6.6)', () => {
  let time: FakeTime;
  let events: number;

  beforeEach(() => {
    time = new FakeTime(TRUE_TIME);
    events = 0;
  });

  const right: SntpSource = () => time.now();
  const none: SntpSource = () => undefined;
  const wrong: SntpSource = () => time.now() + 3_600_000;
  const make = (source: SntpSource, mark = 0): DoorClock => new DoorClock(time, mark, source, () => (events += 1));

  it('shows the mark until something sets it', () => {
    expect(make(none, 500).now()).to.equal(500);
  });

  it('counts monotonic time from what SNTP said at boot', () => {
    const clock = make(right);
    clock.relay(time.now());
    time.advance(10);
    expect(clock.now()).to.equal(TRUE_TIME + 10);
    expect(clock.unsure).to.equal(false);
  });

  it('is moved by relay time 60 s forward at most, however often it is told', () => {
    const clock = make(right);
    for (let step = 1; step <= 10; step += 1) clock.relay(clock.now() + 50_000);
    expect(clock.now()).to.equal(TRUE_TIME + 60_000);
  });

  it('is moved by relay time 2 s back at most, however often it is told', () => {
    const clock = make(right);
    for (let step = 1; step <= 10; step += 1) clock.relay(clock.now() - 1900);
    expect(clock.now()).to.equal(TRUE_TIME - 2000);
    clock.relay(TRUE_TIME + 300);
    time.advance(1000);
    expect(clock.now()).to.equal(TRUE_TIME + 1300);
  });

  it('never shows less than the mark of the boot', () => {
    const clock = make(right, TRUE_TIME + 500_000);
    clock.relay(time.now());
    expect(clock.now()).to.equal(TRUE_TIME + 500_000);
    time.advance(500_001);
    expect(clock.now()).to.equal(TRUE_TIME + 500_001);
  });

  describe('is unsure', () => {
    it('without SNTP: the first relay time of the boot sets it, later ones move it little', () => {
      const clock = make(none);
      clock.relay(5_000_000);
      expect(clock.now()).to.equal(5_000_000);
      clock.relay(4_000_000);
      expect(clock.now()).to.equal(4_998_000);
      clock.relay(9_000_000);
      expect(clock.now()).to.equal(5_060_000);
      expect(clock.unsure).to.equal(true);
      expect(events).to.equal(1);
    });

    it('with SNTP and relay more than 60 s apart, and not at 60 s', () => {
      const clock = make(right);
      for (const apart of [60_000, -60_000]) {
        clock.relay(time.now() + apart);
        expect(clock.unsure, String(apart)).to.equal(false);
      }
      for (const apart of [60_001, -60_001]) {
        clock.relay(time.now());
        clock.relay(time.now() + apart);
        expect(clock.unsure, String(apart)).to.equal(true);
      }
      expect(events).to.equal(2);
    });

    it('until SNTP, asked again each minute and not sooner, agrees with the relay', () => {
      let asked = 0;
      let source = wrong;
      const clock = make(() => {
        asked += 1;
        return source();
      });
      clock.relay(time.now());
      expect(clock.unsure).to.equal(true);
      time.advance(59_999);
      expect(asked).to.equal(1);
      time.advance(60_001);
      expect(asked).to.equal(3);
      source = none;
      time.advance(60_000);
      expect(clock.unsure).to.equal(true);
      source = right;
      time.advance(60_000);
      expect(clock.unsure).to.equal(false);
      expect(clock.now()).to.equal(time.now());
      expect(time.waiting, 'nothing more is asked').to.deep.equal([]);
      expect(events).to.equal(1);
    });

    it('and then shows the time of SNTP moved by the relay as ever', () => {
      let source = none;
      const clock = make(() => source());
      clock.relay(time.now() + 40_000);
      source = right;
      time.advance(60_000);
      expect(clock.now()).to.equal(time.now() + 40_000);
    });
  });

  it('asks nobody after power off', () => {
    const clock = make(none);
    clock.relay(time.now());
    clock.stop();
    expect(time.waiting).to.deep.equal([]);
  });

  it("judges a deadline by the relay's own time, whatever SNTP says", () => {
    const clock = make(wrong);
    clock.relay(5000);
    time.advance(100);
    expect(clock.isPast(5100)).to.equal(false);
    time.advance(1);
    expect(clock.isPast(5100)).to.equal(true);
  });
});
