import * as z from 'zod';

import { doorStateSchema } from './door-state.js';
import { base64urlSchema, doorIdSchema, kidSchema } from './ids.js';

/** Codes a receipt carries (protocol 6.4). Only sender and door can read or make one. */
export const RECEIPT_CODES = [
  'ok',
  'malformed',
  'wrong_door',
  'wrong_scope',
  'stale',
  'replayed',
  'bad_credential',
  'locked_out',
  'unsupported',
  'invalid_params',
  'busy',
  'failed',
  'challenge_required',
] as const;
export type ReceiptCode = (typeof RECEIPT_CODES)[number];

export const receiptSchema = z.object({
  jti: base64urlSchema(16),
  door: doorIdSchema,
  status: z.union([z.literal(200), z.literal(400)]),
  code: z.enum(RECEIPT_CODES),
  at: z.number(),
  state: doorStateSchema.optional(),
  newKid: kidSchema.optional(),
  pad: z.string().optional(),
});
/** The decrypted receipt (protocol 6.4). `at` in Unix milliseconds by the door's clock. */
export type Receipt = z.infer<typeof receiptSchema>;

/** Protected header of a receipt, exactly. */
export const RECEIPT_HEADER = { alg: 'dir', enc: 'A256GCM', typ: 'openlock-receipt+jwe' } as const;
