import { expect } from 'chai';

import { HalfSipHash } from '../../src/gate/half-siphash.js';

describe('HalfSipHash', () => {
  it('gives the values of the reference implementation for messages of 0 to 15 bytes', () => {
    const hash = new HalfSipHash(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]));
    const messages = Array.from({ length: 16 }, (_, length) =>
      String.fromCharCode(...Array.from({ length }, (__, index) => index)),
    );
    expect(messages.map((message) => hash.hash(message))).to.deep.equal([
      0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a, 0x89466e2a, 0x69b6fac5, 0x23fc6358, 0xc563cf8b, 0x8f84b8d0,
      0x79e706f8, 0x3479b094, 0x50300808, 0x2f87f057, 0xff63e677, 0x7cf8ffd6, 0x972bfe74,
    ]);
  });

  it('depends on the key', () => {
    const one = new HalfSipHash(new Uint8Array(8));
    const other = new HalfSipHash(new Uint8Array(8).fill(1));
    expect(one.hash('203.0.113.9')).to.not.equal(other.hash('203.0.113.9'));
  });

  it('takes keys of 8 bytes only', () => {
    expect(() => new HalfSipHash(new Uint8Array(7))).to.throw(RangeError);
  });
});
