import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { AddressLimiter } from '../../src/gate/address-limiter.js';
import { FakeClock } from '../support/fake-clock.js';

const random = { bytes: (length: number) => randomBytes(length) };

function limiter(ratePerSecond: number, slots?: number) {
  const clock = new FakeClock();
  return {
    clock,
    limiter: new AddressLimiter({ ratePerSecond, clock, random, ...(slots !== undefined && { slots }) }),
  };
}

describe('AddressLimiter', () => {
  it('allows a second’s worth at once, then refuses and says when to come back', () => {
    const { limiter: gate } = limiter(50);
    const verdicts = Array.from({ length: 51 }, () => gate.take('192.0.2.1'));
    expect(verdicts.filter(({ allowed }) => allowed)).to.have.length(50);
    expect(verdicts[50]).to.deep.equal({ allowed: false, retryAfterMs: 20, sustained: false });
  });

  it('refills at the rate', () => {
    const { limiter: gate, clock } = limiter(50);
    for (let count = 0; count < 60; count += 1) gate.take('192.0.2.1');
    clock.time += 100;
    expect(Array.from({ length: 10 }, () => gate.take('192.0.2.1').allowed).filter(Boolean)).to.have.length(5);
  });

  it('counts IPv6 by /64 and keeps other addresses apart', () => {
    const { limiter: gate } = limiter(1);
    expect(gate.take('2001:db8::1').allowed).to.equal(true);
    expect(gate.take('2001:db8::2').allowed).to.equal(false);
    expect(gate.take('2001:db8:0:1::1').allowed).to.equal(true);
    expect(gate.take('192.0.2.1').allowed).to.equal(true);
  });

  it('tells once for each 10 s on end above the limit', () => {
    const { limiter: gate, clock } = limiter(50);
    const told: number[] = [];
    const start = clock.time;
    for (let ms = 0; ms <= 25_000; ms += 10) {
      clock.time = start + ms;
      if (gate.take('192.0.2.1').sustained) told.push(ms);
    }
    expect(told).to.have.length(2);
    expect(told[0]).to.be.within(10_000, 12_000);
    expect(told[1]).to.be.within(20_000, 22_000);
  });

  it('starts the 10 s anew after a pause', () => {
    const { limiter: gate, clock } = limiter(50);
    let told = 0;
    for (let burst = 0; burst < 10; burst += 1) {
      for (let count = 0; count < 200; count += 1) if (gate.take('192.0.2.1').sustained) told += 1;
      clock.time += 2_000;
    }
    expect(told).to.equal(0);
  });

  it('stays within its slots, and an address in use keeps its own among thousands that come once', () => {
    const { limiter: gate } = limiter(50, 1024);
    for (let count = 0; count < 50; count += 1) gate.take('192.0.2.1');
    // 200 strangers: far fewer than the slots, so that at most a few share the set of four.
    for (let count = 0; count < 200; count += 1) gate.take(`198.51.100.${count}`);
    expect(gate.take('192.0.2.1').allowed).to.equal(false);
    for (let count = 0; count < 100_000; count += 1)
      expect(gate.take(`10.${count >> 16}.${(count >> 8) & 255}.${count & 255}`).allowed).to.equal(true);
  });

  it('takes only a power of two for its slots', () => {
    expect(() => limiter(50, 1000)).to.throw(RangeError);
  });
});
