import { expect } from 'chai';
import fc from 'fast-check';

import { ReconnectPolicy, type SocketEnd } from '../../src/client/reconnect-policy.js';
import { OpenLockError, PROBLEMS, type ProblemCode } from '../../src/protocol/problem.js';
import { FakeRandom } from './support/fake-random.js';

const lost: SocketEnd = { openMs: 0, code: 1006, reason: '' };

function policy(fraction = 0.5): ReconnectPolicy {
  const random = new FakeRandom();
  random.next = fraction;
  return new ReconnectPolicy(random);
}

const delays = (fraction: number, count: number): number[] => {
  const under = policy(fraction);
  return Array.from({ length: count }, () => {
    const next = under.decide(lost);
    return next.act === 'retry' ? next.delayMs : -1;
  });
};

describe('when the socket is tried again', () => {
  it('waits for a random time under a ceiling that doubles from 1 s to 60 s', () => {
    expect(delays(1, 9)).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(delays(0, 9)).to.deep.equal(Array.from({ length: 9 }, () => 500));
    expect(delays(0.5, 2)).to.deep.equal([750, 1_250]);
  });

  it('never waits less than 0.5 s or more than 60 s for a lost connection', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 40 }), (fraction, count) => {
        for (const delay of delays(fraction, count)) expect(delay).to.be.within(500, 60_000);
      }),
    );
  });

  it('starts over after a connection that lasted, not after one that was dropped at once', () => {
    const under = policy(1);
    for (let at = 0; at < 5; at += 1) under.decide(lost);
    expect(under.decide({ ...lost, openMs: 9_999 })).to.include({ delayMs: 32_000 });
    expect(under.decide({ ...lost, openMs: 10_000 })).to.include({ delayMs: 1_000 });
  });

  it('does what protocol 5.6 says of each close code', () => {
    const expected: Record<number, object> = {
      1000: { act: 'retry', delayMs: 1_000, renewToken: false },
      1001: { act: 'retry', delayMs: 1_000, renewToken: false },
      1006: { act: 'retry', delayMs: 1_000, renewToken: false },
      1009: { act: 'retry', delayMs: 1_000, renewToken: false },
      1011: { act: 'retry', delayMs: 1_000, renewToken: false },
      4002: { act: 'retry', delayMs: 1_000, renewToken: true },
      4003: { act: 'retry', delayMs: 3_600_000, renewToken: false },
      4004: { act: 'retry', delayMs: 1_000, renewToken: false },
      4005: { act: 'retry', delayMs: 1_000, renewToken: false },
      4006: { act: 'retry', delayMs: 1_000, renewToken: false },
    };
    for (const [code, step] of Object.entries(expected))
      expect(policy(1).decide({ ...lost, code: Number(code) }), code).to.deep.equal(step);
    for (const code of [4000, 4001]) expect(policy().decide({ ...lost, code }).act, String(code)).to.equal('stop');
  });

  it('stops for good when the session is over or the origin is forbidden, and for nothing else', () => {
    for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
      const next = policy().decide({ ...lost, problem: new OpenLockError(code, 'x') });
      const isFinal = PROBLEMS[code].status === 401 || code === 'forbidden_origin';
      expect(next.act, code).to.equal(isFinal ? 'stop' : 'retry');
    }
  });

  it('waits as long as it is told, and an hour when the site is blocked', () => {
    const after = (code: ProblemCode, retryAfterMs?: number): unknown => {
      const next = policy(1).decide({
        ...lost,
        problem: new OpenLockError(code, 'x', { ...(retryAfterMs !== undefined && { retryAfterMs }) }),
      });
      return next.act === 'retry' ? next.delayMs : undefined;
    };
    expect(after('site_blocked')).to.equal(3_600_000);
    expect(after('ip_blocked', 900_000)).to.equal(900_000);
    expect(after('ip_blocked')).to.equal(60_000);
    expect(after('rate_limited', 5_000)).to.equal(5_000);
    expect(after('rate_limited', 10)).to.equal(1_000);
    expect(after('store_unavailable')).to.equal(1_000);
  });
});
