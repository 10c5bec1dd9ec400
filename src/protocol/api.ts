import * as z from 'zod';

import { COMMAND_STATES } from './client-frames.js';
import { DOOR_SOCKET_PATH } from './door-frames.js';
import { doorStateSchema } from './door-state.js';
import type { Scope } from './envelope.js';
import { base64urlSchema, commandIdSchema, doorIdSchema, kidSchema } from './ids.js';

/**
 * Bodies of the HTTP API (protocol 3, 4, 7). One schema each: it validates, types the code, and becomes the OpenAPI
 * document. Site routes refuse unknown members, device routes ignore them (protocol 2.1).
 */

// --- sites (protocol 3)
export const loginRequestSchema = z.strictObject({ email: z.email().max(254), website: z.string().min(1).max(512) });
export const loginAnswerSchema = z.object({
  loginId: z.string(),
  expiresInSeconds: z.int(),
  website: z.object({ origin: z.string(), challenge: z.object({ path: z.string(), token: z.string() }) }),
});
export const tokenRequestSchema = z.strictObject({
  loginId: z.string().min(1).max(128),
  code: z.string().regex(/^[0-9]{8}$/),
});
export const refreshRequestSchema = z.strictObject({ refreshToken: z.string().min(1).max(512) });
export const tokenAnswerSchema = z.object({
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresInSeconds: z.int(),
  refreshToken: z.string(),
  refreshExpiresInSeconds: z.int(),
  site: z.object({ id: z.string(), origin: z.string(), email: z.string() }),
});

// --- doors (protocol 4)
export const challengeRequestSchema = z.object({ doorId: doorIdSchema });
export const challengeAnswerSchema = z.object({ nonce: z.string(), expiresInSeconds: z.int(), time: z.number() });
export const registerRequestSchema = z.object({
  doorId: doorIdSchema,
  publicKey: z.string().min(1).max(2048),
  proof: z.string().min(1).max(4096),
  enrolmentToken: z.string().min(1).max(128).optional(),
  rotation: z.string().min(1).max(4096).optional(),
});
export const registerAnswerSchema = z.object({
  sessionToken: z.string(),
  expiresInSeconds: z.int(),
  socketPath: z.literal(DOOR_SOCKET_PATH),
  keepAliveSeconds: z.int(),
  time: z.number(),
  kid: kidSchema,
});

export const proofHeaderSchema = z.strictObject({
  alg: z.literal('RS256'),
  typ: z.literal('openlock-proof+jws'),
  kid: kidSchema,
});
export const proofClaimsSchema = z.object({
  door: doorIdSchema,
  nonce: z.string().min(1).max(256),
  aud: z.string().min(1).max(512),
  firmware: z.object({
    version: z.string().min(1).max(64),
    board: z.string().min(1).max(64),
    securityVersion: z.int().min(0),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  }),
});
export const rotationHeaderSchema = z.strictObject({
  alg: z.literal('RS256'),
  typ: z.literal('openlock-rotation+jws'),
  kid: kidSchema,
});
export const rotationClaimsSchema = z.object({
  door: doorIdSchema,
  nonce: z.string().min(1).max(256),
  newKid: kidSchema,
});

// --- site API of doors and commands (protocol 7)
export const ROLES = ['viewer', 'user', 'manager'] as const;
export type Role = (typeof ROLES)[number];
/** The least role that may send a scope (protocol 7.6). */
export const SCOPE_ROLES = {
  query: 'viewer',
  operate: 'user',
  configure: 'manager',
} as const satisfies Record<Scope, Role>;

export const doorSummarySchema = z.object({
  doorId: doorIdSchema,
  name: z.string(),
  role: z.enum(ROLES),
  online: z.boolean(),
  lastSeen: z.number().nullable(),
});
export const doorListSchema = z.object({ doors: z.array(doorSummarySchema) });
export const doorKeySchema = z.object({
  doorId: doorIdSchema,
  kid: kidSchema,
  publicKey: z.string(),
  jwk: z.object({ kty: z.literal('RSA'), n: z.string(), e: z.string() }),
  registeredAt: z.number(),
});
export const commandRequestSchema = z.strictObject({ jwe: z.string().min(1) });
export const commandAnswerSchema = z.object({
  commandId: commandIdSchema,
  state: z.literal('executed'),
  status: z.literal(200),
  receipt: z.string().optional(),
  latencyMs: z.number(),
});
export const commandRecordSchema = z.object({
  commandId: commandIdSchema,
  state: z.enum(COMMAND_STATES),
  status: z.union([z.literal(200), z.literal(400)]).optional(),
  receipt: z.string().optional(),
  submittedAt: z.number(),
  settledAt: z.number().optional(),
});
export const doorStatusAnswerSchema = z.object({
  online: z.boolean(),
  live: z.boolean(),
  state: doorStateSchema.nullable(),
  at: z.number().nullable(),
});

export const doorChallengeAnswerSchema = z.object({ challenge: base64urlSchema(32), expiresInSeconds: z.int() });

export type LoginRequest = z.infer<typeof loginRequestSchema>;
export type LoginAnswer = z.infer<typeof loginAnswerSchema>;
export type TokenRequest = z.infer<typeof tokenRequestSchema>;
export type TokenAnswer = z.infer<typeof tokenAnswerSchema>;
export type ChallengeAnswer = z.infer<typeof challengeAnswerSchema>;
export type RegisterRequest = z.infer<typeof registerRequestSchema>;
export type RegisterAnswer = z.infer<typeof registerAnswerSchema>;
export type ProofClaims = z.infer<typeof proofClaimsSchema>;
export type DoorSummary = z.infer<typeof doorSummarySchema>;
export type DoorKey = z.infer<typeof doorKeySchema>;
export type CommandAnswer = z.infer<typeof commandAnswerSchema>;
export type CommandRecord = z.infer<typeof commandRecordSchema>;
export type DoorStatusAnswer = z.infer<typeof doorStatusAnswerSchema>;
export type DoorChallengeAnswer = z.infer<typeof doorChallengeAnswerSchema>;
