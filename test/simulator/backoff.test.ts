import { expect } from 'chai';

import { Backoff } from '../../src/simulator/backoff.js';

const fixed = (value: number) => ({ bytes: (length: number) => Buffer.alloc(length), fraction: () => value });

describe('Backoff (protocol 5.6)', () => {
  it('doubles its ceiling from 1 s to 60 s', () => {
    const backoff = new Backoff(fixed(1));
    expect(Array.from({ length: 10 }, () => backoff.next())).to.deep.equal([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000,
    ]);
  });

  it('is spread over the whole range, and never under half a second', () => {
    const least = new Backoff(fixed(0));
    expect(Array.from({ length: 10 }, () => least.next())).to.deep.equal(new Array(10).fill(500));
    expect(new Backoff(fixed(0.5)).next()).to.equal(750);
  });

  it('begins anew after a reset', () => {
    const backoff = new Backoff(fixed(1));
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).to.equal(1000);
  });

  it('stays at the slow end for a superseded door', () => {
    expect(new Backoff(fixed(0)).slow()).to.equal(30_000);
    expect(new Backoff(fixed(1)).slow()).to.equal(60_000);
  });
});
