import { expect } from 'chai';

import { systemClock } from '../../src/clock.js';
import { FailureLimits, type FailureLimitsOptions } from '../../src/store/failure-limits.js';
import { fleetKeys } from '../../src/store/keys.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const clock = systemClock;

describe('failed authentications per address (protocol 8.2)', () => {
  let redis: TestRedis;
  let address = '';
  let next = 1;

  before(async () => {
    redis = await startTestRedis();
  });
  beforeEach(() => {
    address = `192.0.2.${(next += 1)}`;
  });
  after(() => redis.stop());

  const open = async (options: Partial<FailureLimitsOptions> = {}): Promise<FailureLimits> =>
    new FailureLimits(await redis.link(), { clock, ...options });
  const fail = async (limits: FailureLimits, who: string, times: number): Promise<void> => {
    for (let count = 0; count < times; count += 1) await limits.record(who);
  };

  it('block the address at the twentieth, for fifteen minutes, on every relay', async () => {
    const [here, there] = [await open(), await open()];
    await fail(here, address, 10);
    await fail(there, address, 9);
    expect([await here.isBlocked(address), await there.isBlocked(address)]).to.deep.equal([0, 0]);
    await here.record(address);
    for (const limits of [here, there]) expect(await limits.isBlocked(address)).to.be.within(890_000, 900_000);
  });

  it('are counted exactly when they come at once', async () => {
    const blocked: string[] = [];
    const limits = await open({ onBlocked: (who) => blocked.push(who) });
    await Promise.all(Array.from({ length: 19 }, () => limits.record(address)));
    expect(await limits.isBlocked(address)).to.equal(0);
    await Promise.all(Array.from({ length: 30 }, () => limits.record(address)));
    expect(await limits.isBlocked(address)).to.be.greaterThan(890_000);
    expect(blocked).to.deep.equal([address]);
  });

  it('are forgotten when they are spread over more than five minutes', async () => {
    const limits = await open({ durationSeconds: 1 });
    await fail(limits, address, 19);
    const link = await redis.link();
    while ((await link.run((client) => client.exists(`${fleetKeys.failures}:${address}`))) === 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await fail(limits, address, 19);
    expect(await limits.isBlocked(address)).to.equal(0);
  });

  it('end with the block', async () => {
    const limits = await open({ points: 2, blockSeconds: 1 });
    await fail(limits, address, 2);
    const left = await limits.isBlocked(address);
    expect(left).to.be.within(1, 1000);
    await new Promise((resolve) => setTimeout(resolve, left + 5));
    while ((await limits.isBlocked(address)) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await limits.record(address);
    expect(await limits.isBlocked(address)).to.equal(0);
  });

  it('count by address: others are not touched', async () => {
    const limits = await open();
    await fail(limits, address, 20);
    expect(await limits.isBlocked('198.51.100.1')).to.equal(0);
  });

  it('count an IPv4 address and its mapped form as one, and IPv6 by /64', async () => {
    const limits = await open();
    await fail(limits, `::ffff:${address}`, 10);
    await fail(limits, address, 10);
    expect(await limits.isBlocked(address)).to.be.greaterThan(0);
    for (let host = 1; host <= 20; host += 1) await limits.record(`2001:db8:0:${next}::${host.toString(16)}`);
    expect(await limits.isBlocked(`2001:0db8::${next}:ffff:0:0:1`)).to.be.greaterThan(0);
    expect(await limits.isBlocked(`2001:db8:0:${next + 1}::1`)).to.equal(0);
  });

  it('refuse with store_unavailable while the store is away: never open', async () => {
    const own = await startTestRedis();
    try {
      const limits = new FailureLimits(await own.link(), { clock });
      await own.kill();
      for (const work of [limits.isBlocked(address), limits.record(address)]) {
        expect(await work.catch((error: unknown) => error))
          .to.be.instanceOf(OpenLockError)
          .with.property('code', 'store_unavailable');
      }
    } finally {
      await own.stop();
    }
  });

  it('keep their keys under ol:, each with an end', async () => {
    const limits = await open();
    await limits.record(address);
    const link = await redis.link();
    expect(await link.run((client) => client.pttl(`ol:failures:${address}`))).to.be.within(1, 300_000);
    await fail(limits, address, 25);
    expect(await link.run((client) => client.pttl(`ol:failures:${address}`))).to.be.within(800_000, 900_000);
  });
});
