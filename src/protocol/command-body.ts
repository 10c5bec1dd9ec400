import * as z from 'zod';

import type { Scope } from './envelope.js';
import { base64urlSchema, doorIdSchema } from './ids.js';

/**
 * The plaintext of a command (protocol 6.2, 6.3). Only the SDK and doors ever handle it; the relay never does (1.1).
 */

/** Act -> the scope its envelope must name. */
export const ACT_SCOPES = {
  unlock: 'operate',
  lock: 'operate',
  configure: 'configure',
  restart: 'configure',
  rotate_key: 'configure',
  status: 'query',
} as const satisfies Record<string, Scope>;
export type Act = keyof typeof ACT_SCOPES;

/** True when `value` names an act of protocol 6.3. */
export function isAct(value: unknown): value is Act {
  return typeof value === 'string' && Object.hasOwn(ACT_SCOPES, value);
}

const utf8Bytes = (text: string): number => new TextEncoder().encode(text).length;
/** Unicode code points. */
const characters = (text: string): number => [...text].length;

function isHttpsOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' && url.origin === text;
  } catch {
    return false;
  }
}

const publicPem = z
  .string()
  .max(2048)
  .regex(/^-----BEGIN PUBLIC KEY-----[\s\S]+-----END PUBLIC KEY-----\s*$/);

export const unlockParamsSchema = z.strictObject({ holdMs: z.int().min(0).max(3_600_000).optional() });
export const noParamsSchema = z.strictObject({});

export const configureParamsSchema = z
  .strictObject({
    wifiSsid: z.string().refine((text) => utf8Bytes(text) >= 1 && utf8Bytes(text) <= 32, '1 to 32 bytes'),
    wifiPassword: z
      .string()
      .refine((text) => utf8Bytes(text) === 0 || (utf8Bytes(text) >= 8 && utf8Bytes(text) <= 63), '0 or 8 to 63 bytes'),
    serverAddress: z.string().max(255).refine(isHttpsOrigin, 'an https origin'),
    caCertificate: z
      .string()
      .max(3072)
      .regex(/^-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/),
    doorId: doorIdSchema,
    enrolmentToken: z.string().min(1).max(128),
    doorPassword: z.string().refine((text) => characters(text) >= 8 && characters(text) <= 128, '8 to 128 characters'),
    failSafe: z.enum(['keep', 'lock', 'unlock']),
    failSafeAfterMs: z
      .int()
      .min(0)
      .max(24 * 3_600_000),
    autoRelockMs: z.int().min(0).max(3_600_000),
    releaseKeys: z.array(publicPem).max(4),
  })
  .partial()
  .refine((params) => Object.keys(params).length > 0, 'at least one setting');

export type ConfigureParams = z.infer<typeof configureParamsSchema>;

/** act -> schema of its `params`; absent params read as `{}`. */
export const PARAMS_SCHEMAS = {
  unlock: unlockParamsSchema,
  lock: noParamsSchema,
  configure: configureParamsSchema,
  restart: noParamsSchema,
  rotate_key: noParamsSchema,
  status: noParamsSchema,
} as const satisfies Record<Act, z.ZodType>;

// Of any length: one that cannot be the door's is simply wrong.
const passwordSchema = z.strictObject({ type: z.literal('password'), password: z.string() });
/** A credential of a newer sender; whatever else it has is not looked at. */
const unknownCredentialSchema = z
  .object({ type: z.string().refine((type) => type !== 'password') })
  .transform(() => ({ type: 'unknown' as const }));

/** Plaintext of a command. A door answers `unsupported` to an `act` or a type of credential it does not know. */
export const commandBodySchema = z.strictObject({
  act: z.string().max(64),
  credential: z.union([passwordSchema, unknownCredentialSchema]),
  replyKey: base64urlSchema(32),
  // Not z.record: that drops a member called `__proto__` instead of showing it to the schema of the act.
  params: z
    .custom<Record<string, unknown>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'an object',
    )
    .optional(),
  /** Made by the door; stands in for `iat` (protocol 19.4). */
  challenge: base64urlSchema(32).optional(),
  pad: z.string().optional(),
});
export type CommandBody = z.infer<typeof commandBodySchema>;
