import { expect } from 'chai';

import { RECEIPT_CODES, RECEIPT_HEADER, receiptSchema } from '../../src/protocol/receipt.js';
import { fixture } from './fixtures.js';

interface Vectors {
  readonly headerText: string;
  readonly cases: readonly { readonly name: string; readonly ok: boolean; readonly plaintext?: string }[];
}

describe('a receipt', () => {
  const { headerText, cases } = fixture<Vectors>('receipts.json');

  it('has exactly the header of protocol 6.4', () => {
    expect(JSON.stringify(RECEIPT_HEADER)).to.equal(headerText);
  });

  for (const { name, plaintext } of cases.filter((entry) => entry.ok)) {
    it(`reads one that is ${name}`, () => {
      expect(receiptSchema.safeParse(JSON.parse(plaintext ?? '')).success).to.equal(true);
    });
  }

  it('takes the codes of protocol 6.4 and no other', () => {
    const receipt = { jti: 'A'.repeat(22), door: 'front', status: 400, code: 'failed', at: 1 };
    for (const code of RECEIPT_CODES)
      expect(receiptSchema.safeParse({ ...receipt, code }).success, code).to.equal(true);
    for (const code of ['OK', '', 'constructor', 5, null])
      expect(receiptSchema.safeParse({ ...receipt, code }).success, String(code)).to.equal(false);
  });

  it('refuses a member of the wrong type', () => {
    const receipt = { jti: 'A'.repeat(22), door: 'front', status: 200, code: 'ok', at: 1 };
    const wrong = [
      { jti: 'A' },
      { jti: `${'A'.repeat(21)}B` },
      { door: '' },
      { status: 201 },
      { status: '200' },
      { at: '1' },
      { state: {} },
      { newKid: 'x' },
      { pad: 1 },
    ];
    for (const change of wrong)
      expect(receiptSchema.safeParse({ ...receipt, ...change }).success, JSON.stringify(change)).to.equal(false);
  });
});
