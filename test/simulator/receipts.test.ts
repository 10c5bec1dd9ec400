import { randomBytes } from 'node:crypto';

import { expect } from 'chai';
import { compactDecrypt } from 'jose';

import { receiptSchema, RECEIPT_HEADER, type Receipt } from '../../src/protocol/receipt.js';
import { systemRandom } from '../../src/simulator/ambient.js';
import { sealReceipt } from '../../src/simulator/receipts.js';

describe('receipts (protocol 6.4)', () => {
  const receipt = (code: Receipt['code']): Receipt => ({
    jti: randomBytes(16).toString('base64url'),
    door: 'front',
    status: 400,
    code,
    at: 1,
  });

  it('open with the reply key in another library, header exactly as the protocol says', async () => {
    const key = randomBytes(32);
    const sealed = sealReceipt(
      { ...receipt('stale'), newKid: randomBytes(32).toString('base64url') },
      key,
      systemRandom,
    );
    const opened = await compactDecrypt(sealed, key);
    expect(opened.protectedHeader).to.deep.equal(RECEIPT_HEADER);
    expect(receiptSchema.parse(JSON.parse(Buffer.from(opened.plaintext).toString())).code).to.equal('stale');
  });

  it('have one length whatever the code', () => {
    const key = randomBytes(32);
    const lengths = (['ok', 'bad_credential', 'invalid_params'] as const).map(
      (code) => sealReceipt(receipt(code), key, systemRandom).length,
    );
    expect(new Set(lengths).size).to.equal(1);
  });
});
