/** Receipts: what the door answers to the sender alone (protocol 6.4). */
import { createCipheriv } from 'node:crypto';

import { LIMITS } from '../protocol/limits.js';
import { RECEIPT_HEADER, type Receipt } from '../protocol/receipt.js';
import type { RandomSource } from './ambient.js';

const PROTECTED = Buffer.from(JSON.stringify(RECEIPT_HEADER), 'utf8').toString('base64url');

/** Seals a receipt under the sender's `replyKey` (32 bytes). Padded, so that its length does not tell the code. */
export function sealReceipt(receipt: Receipt, replyKey: Buffer, random: RandomSource): string {
  const iv = random.bytes(12);
  const cipher = createCipheriv('aes-256-gcm', replyKey, iv);
  cipher.setAAD(Buffer.from(PROTECTED, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(padded(receipt), 'utf8'), cipher.final()]);
  return `${PROTECTED}..${iv.toString('base64url')}.${ciphertext.toString('base64url')}.${cipher.getAuthTag().toString('base64url')}`;
}

/** JSON whose length is a multiple of 256 bytes. */
function padded(receipt: Receipt): string {
  const bare = Buffer.byteLength(JSON.stringify({ ...receipt, pad: '' }));
  const missing = (LIMITS.paddingBytes - (bare % LIMITS.paddingBytes)) % LIMITS.paddingBytes;
  return JSON.stringify({ ...receipt, pad: ' '.repeat(missing) });
}
