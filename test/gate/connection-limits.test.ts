import { expect } from 'chai';

import { ConnectionLimits, type ConnectionLimitsOptions } from '../../src/gate/connection-limits.js';
import { FakeRandom } from '../http/support/fakes.js';
import { FakeClock } from '../support/fake-clock.js';

describe('connections before their first request (protocol 8.4)', () => {
  let clock: FakeClock;
  let refused: string[];
  beforeEach(() => {
    clock = new FakeClock();
    refused = [];
  });
  const limits = (over: Partial<ConnectionLimitsOptions> = {}): ConnectionLimits =>
    new ConnectionLimits({
      handshakesPerSecond: 3,
      waiting: 5,
      isProxied: false,
      clock,
      random: new FakeRandom(),
      metrics: { connectionsRefused: { inc: ({ limit }) => refused.push(limit) } },
      ...over,
    });

  it('are bounded by handshakes a second, for each address, IPv6 by /64', () => {
    const some = limits();
    const enter = (address: string): boolean => {
      const asked = some.enter(address, true);
      asked?.();
      return asked !== undefined;
    };
    for (const [one, same, other] of [
      ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2'],
      ['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'],
    ] as const) {
      expect([enter(one), enter(same), enter(one), enter(same)]).to.deep.equal([true, true, true, false]);
      expect(enter(other)).to.equal(true);
    }
    clock.time += 334;
    expect([enter('192.0.2.1'), enter('192.0.2.1')]).to.deep.equal([true, false]);
    expect(new Set(refused)).to.deep.equal(new Set(['address_handshakes']));
  });

  it('are bounded by how many of an address wait, until each has sent a request', () => {
    const some = limits({ handshakesPerSecond: 1000 });
    const asked = Array.from({ length: 5 }, () => some.enter('192.0.2.1', true));
    expect(some.enter('192.0.2.1', true)).to.equal(undefined);
    expect(some.enter('192.0.2.2', true)).to.not.equal(undefined);
    asked[0]?.();
    asked[0]?.(); // it is closed, too
    expect(some.enter('192.0.2.1', true)).to.not.equal(undefined);
    expect(some.enter('192.0.2.1', true)).to.equal(undefined);
    expect(refused).to.deep.equal(['address_waiting', 'address_waiting']);
  });

  it('without TLS need no handshake', () => {
    const some = limits({ waiting: 100 });
    for (let count = 0; count < 100; count += 1) expect(some.enter('192.0.2.1', false)).to.not.equal(undefined);
  });

  it('are bounded in all, and what one address is refused takes nothing from the others', () => {
    const some = limits();
    for (let count = 0; count < 1000; count += 1) some.enter('192.0.2.1', true)?.();
    const enter = (index: number): boolean => some.enter(`10.0.${index >> 8}.${index & 255}`, true) !== undefined;
    // Sixteen addresses' worth: 48 handshakes, of which the first address had 3.
    const entered = Array.from({ length: 60 }, (_, index) => enter(index)).filter(Boolean);
    expect(entered).to.have.length(45);
    expect(refused.at(-1)).to.equal('all_handshakes');
    // 45 wait; there is room for 80.
    for (let second = 0; second < 10; second += 1) {
      clock.time += 1000;
      for (let count = 0; count < 48; count += 1) enter(1000 + second * 48 + count);
    }
    expect(refused.at(-1)).to.equal('all_waiting');
  });

  it('of a proxy of ours are bounded in all only', () => {
    const some = limits({ isProxied: true });
    const entered = Array.from({ length: 100 }, () => some.enter('192.0.2.1', true)).filter(Boolean);
    expect(entered).to.have.length(48);
    expect(new Set(refused)).to.deep.equal(new Set(['all_handshakes']));
  });
});
