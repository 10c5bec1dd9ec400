import { expect } from 'chai';
import fc from 'fast-check';

import { readReceipt } from '../../src/client/receipt.js';
import { fixture } from '../protocol/fixtures.js';

interface Vectors {
  readonly replyKeyHex: string;
  readonly jti: string;
  readonly doorId: string;
  readonly cases: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly receipt: string;
    readonly plaintext?: string;
  }[];
}

describe('reading a receipt', () => {
  const { cases, doorId, jti, replyKeyHex } = fixture<Vectors>('receipts.json');
  const expected = { doorId, jti, replyKey: new Uint8Array(Buffer.from(replyKeyHex, 'hex')) };

  for (const { name, ok, receipt, plaintext } of cases) {
    it(`${ok ? 'believes' : 'does not believe'} one that is ${name}`, async () => {
      const reading = await readReceipt(receipt, expected);
      expect(reading.ok, reading.ok ? '' : reading.detail).to.equal(ok);
      if (!reading.ok) return;
      const { jti: itsJti, code } = JSON.parse(plaintext ?? '') as { jti: string; code: string };
      expect(reading.receipt).to.include({ jti: itsJti, door: doorId, code });
    });
  }

  it('believes no other spelling and no flipped character of a good one', async () => {
    const good = cases.find(({ name }) => name === 'good')?.receipt ?? '';
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...'ABab01-_=+/. \n'), async (at, char) => {
        const other = good.slice(0, at) + char + good.slice(at + 1);
        expect((await readReceipt(other, expected)).ok).to.equal(other === good);
      }),
    );
  });

  it('does not throw on any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(fc.base64String(), { maxLength: 6 }).map((parts) => parts.join('.')),
        ),
        async (text) => {
          expect((await readReceipt(text, expected)).ok).to.equal(false);
        },
      ),
    );
    expect((await readReceipt('x'.repeat(5000), expected)).ok).to.equal(false);
  });
});
