import { expect } from 'chai';
import fc from 'fast-check';

import { decodeBase64url, encodeBase64url, isCanonicalBase64url } from '../../src/protocol/base64url.js';
import { fixture } from './fixtures.js';

interface Vectors {
  readonly valid: readonly { readonly text: string; readonly hex: string }[];
  readonly invalid: readonly string[];
}

describe('base64url', () => {
  const vectors = fixture<Vectors>('base64url.json');

  it('reads and writes every valid vector', () => {
    for (const { text, hex } of vectors.valid) {
      const bytes = Buffer.from(hex, 'hex');
      expect(isCanonicalBase64url(text), text).to.equal(true);
      expect(isCanonicalBase64url(text, bytes.length), text).to.equal(true);
      expect(isCanonicalBase64url(text, bytes.length + 1), text).to.equal(false);
      expect(Buffer.from(decodeBase64url(text) ?? []).toString('hex'), text).to.equal(hex);
      expect(encodeBase64url(bytes)).to.equal(text);
    }
  });

  it('refuses every invalid vector', () => {
    for (const text of vectors.invalid) {
      expect(isCanonicalBase64url(text), JSON.stringify(text)).to.equal(false);
      expect(decodeBase64url(text), JSON.stringify(text)).to.equal(undefined);
    }
  });

  it('agrees with Buffer on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(encodeBase64url(bytes)).to.equal(text);
        expect(Buffer.from(decodeBase64url(text) ?? [])).to.deep.equal(Buffer.from(bytes));
      }),
    );
  });

  it('takes a text exactly when Buffer would write it back the same', () => {
    const alike = fc.string({ unit: fc.constantFrom(...'ABCwxyz019-_+/= \n'), maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(alike, fc.string({ unit: 'binary' })), (text) => {
        expect(isCanonicalBase64url(text)).to.equal(Buffer.from(text, 'base64url').toString('base64url') === text);
      }),
      { numRuns: 2000 },
    );
  });
});
