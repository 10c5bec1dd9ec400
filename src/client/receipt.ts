import { compactDecrypt, errors } from 'jose';

import { decodeBase64url, isCanonicalBase64url } from '../protocol/base64url.js';
import { LIMITS } from '../protocol/limits.js';
import { RECEIPT_HEADER, receiptSchema, type Receipt } from '../protocol/receipt.js';
import { decodeUtf8, parseStrictJson, StrictJsonError } from '../protocol/strict-json.js';

/** The command a receipt must answer. */
export interface ReceiptExpectation {
  readonly replyKey: Uint8Array;
  readonly jti: string;
  readonly doorId: string;
}

export type ReceiptReading =
  { readonly ok: true; readonly receipt: Receipt } | { readonly ok: false; readonly detail: string };

/**
 * Decrypts and verifies a receipt (protocol 6.4): exactly the header of the protocol, under this command's `replyKey`, for
 * its `jti` and door, and consistent in itself. Only then is it the door's word.
 */
export async function readReceipt(text: string, expected: ReceiptExpectation): Promise<ReceiptReading> {
  const badForm = formProblem(text);
  if (badForm !== undefined) return refused(badForm);
  let plaintext: Uint8Array;
  try {
    ({ plaintext } = await compactDecrypt(text, expected.replyKey, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    }));
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return refused('the receipt does not decrypt under the key of this command');
  }
  const parsed = receiptSchema.safeParse(strictJson(plaintext));
  if (!parsed.success) return refused('the receipt has not the members of protocol 6.4');
  const receipt = parsed.data;
  if (receipt.jti !== expected.jti) return refused('the receipt is for another command');
  if (receipt.door !== expected.doorId) return refused('the receipt is from another door');
  if ((receipt.status === 200) !== (receipt.code === 'ok'))
    return refused('status and code of the receipt contradict each other');
  return { ok: true, receipt };
}

function formProblem(text: string): string | undefined {
  if (text.length > LIMITS.receiptChars) return 'the receipt is too long';
  const parts = text.split('.');
  const [headerText = '', key, iv = '', ciphertext = '', tag = ''] = parts;
  // `dir` has no encrypted key: the second part is empty.
  if (parts.length !== 5 || key !== '') return 'the receipt is not a compact JWE under a shared key';
  if (!isCanonicalBase64url(iv, 12) || !isCanonicalBase64url(ciphertext) || !isCanonicalBase64url(tag, 16))
    return 'the receipt is not in canonical form';
  const headerBytes = decodeBase64url(headerText);
  const header = headerBytes === undefined ? undefined : strictJson(headerBytes);
  return isReceiptHeader(header) ? undefined : 'the receipt has another header than protocol 6.4 wants';
}

function isReceiptHeader(header: unknown): boolean {
  if (typeof header !== 'object' || header === null) return false;
  const members = Object.entries(header);
  const expected = new Map<string, unknown>(Object.entries(RECEIPT_HEADER));
  return members.length === expected.size && members.every(([name, value]) => expected.get(name) === value);
}

/** `undefined` for what is not strict JSON; no schema takes that. */
function strictJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(decodeUtf8(bytes));
  } catch (error) {
    if (error instanceof StrictJsonError) return undefined;
    throw error;
  }
}

function refused(detail: string): ReceiptReading {
  return { ok: false, detail };
}
