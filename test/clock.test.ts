import { expect } from 'chai';

import { pooledRandom, systemRandom } from '../src/clock.js';

describe('randomness', () => {
  it('gives away every byte of its pool once, as a copy, and wipes it', () => {
    let filled = 0;
    let pool: Buffer = Buffer.alloc(0);
    const random = pooledRandom((buffer) => {
      pool = buffer;
      for (let at = 0; at < buffer.length; at += 4)
        buffer.writeUInt32BE(Math.imul((filled += 1), 0x9e3779b1) >>> 0, at);
    });
    const pieces = new Set<string>();
    for (let count = 0; count < 5000; count += 1) {
      const length = [4, 8, 12, 16][count % 4] ?? 4;
      const bytes = random.bytes(length);
      expect(bytes.length).to.equal(length);
      for (let at = 0; at < length; at += 4) pieces.add(bytes.toString('hex', at, at + 4));
      expect(pool.includes(bytes)).to.equal(false);
      bytes.fill(0xff); // whose it is now
    }
    expect(pieces.size).to.equal((5000 / 4) * 10);
    expect(pieces.has('00000000') || pieces.has('ffffffff')).to.equal(false);
    // What is left at the end of a pool is too short to be given, and is lost.
    expect(filled * 4).to.be.within(50_000, 50_000 * 1.01 + pool.length);
  });

  it('makes what is long enough for a key apart from the pool', () => {
    const random = pooledRandom(() => {
      throw new Error('the pool was used');
    });
    for (const length of [17, 32, 4096, 5000]) expect(random.bytes(length).length).to.equal(length);
    expect(() => random.bytes(16)).to.throw('the pool was used');
  });

  it('never says the same twice', () => {
    const seen = new Set(Array.from({ length: 10_000 }, () => systemRandom.bytes(12).toString('base64url')));
    expect(seen.size).to.equal(10_000);
    expect([...seen].every((id) => id.length === 16)).to.equal(true);
  });
});
