import * as z from 'zod';

import { doorStateSchema, eventDataSchema, type DoorState, type EventData, type EventKind } from './door-state.js';
import { base64urlSchema, commandIdSchema } from './ids.js';
import { LIMITS } from './limits.js';
import { doorUpdateSchema, updateOfferSchema, type UpdateOfferFrame } from './update-frames.js';

/** Frames on the door socket (protocol 5): JSON, one object a frame, unknown members ignored (2.1). */

const firmwareSchema = z.object({
  version: z.string().min(1).max(64),
  board: z.string().min(1).max(64),
  securityVersion: z.int().min(0),
});
export type Firmware = z.infer<typeof firmwareSchema>;

const epochSchema = z
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER - 1);

export const helloSchema = z.object({
  t: z.literal('hello'),
  boot: z.string().min(1).max(64),
  epoch: epochSchema,
  firmware: firmwareSchema,
});

export const resultSchema = z.object({
  t: z.literal('result'),
  id: commandIdSchema,
  status: z.union([z.literal(200), z.literal(400)]),
  // A reason this relay does not know (a newer door) reads as none: the result itself must still settle the command.
  refusal: z
    .string()
    .max(64)
    .transform((reason) => (reason === 'credential' ? reason : undefined))
    .optional(),
  receipt: z.string().max(LIMITS.receiptChars).optional(),
});

export const doorStatusSchema = z.object({
  t: z.literal('status'),
  id: z.string().max(64).optional(),
  state: doorStateSchema,
});

export const eventSchema = z.object({
  t: z.literal('event'),
  seq: z.int().min(0),
  /** A kind this relay does not know comes from a newer door: read, and set aside (protocol 2.1). */
  kind: z.string().regex(/^[a-z][a-z_]{0,31}$/),
  at: z.number(),
  data: eventDataSchema
    .refine(
      (data) => new TextEncoder().encode(JSON.stringify(data)).length <= LIMITS.eventDataBytes,
      'data over 512 bytes',
    )
    .optional(),
});

/** 32 random bytes made by the door (protocol 19.4). Malformed text reads as none: it answers nobody, and the door keeps its socket. */
export const doorChallengeSchema = z.object({
  t: z.literal('challenge'),
  id: z.string().min(1).max(64),
  challenge: base64urlSchema(32).optional().catch(undefined),
});

export const doorKeepaliveSchema = z.object({ t: z.literal('keepalive') });

/** Door to relay. */
export const doorFrameSchema = z.discriminatedUnion('t', [
  helloSchema,
  resultSchema,
  doorStatusSchema,
  eventSchema,
  doorChallengeSchema,
  doorKeepaliveSchema,
  doorUpdateSchema,
]);
export type DoorFrame = z.infer<typeof doorFrameSchema>;
export type HelloFrame = z.infer<typeof helloSchema>;
export type ResultFrame = z.infer<typeof resultSchema>;
export type DoorStatusFrame = z.infer<typeof doorStatusSchema>;
export type EventFrame = z.infer<typeof eventSchema>;
export type DoorChallengeFrame = z.infer<typeof doorChallengeSchema>;

/** Relay to door. Times in Unix milliseconds. */
export type RelayFrame =
  | {
      readonly t: 'welcome';
      readonly door: string;
      readonly epoch: number;
      readonly time: number;
      readonly keepAliveSeconds: number;
    }
  | { readonly t: 'command'; readonly id: string; readonly jwe: string; readonly deadline: number }
  | { readonly t: 'status'; readonly id: string }
  | { readonly t: 'challenge'; readonly id: string }
  | { readonly t: 'keepalive'; readonly time: number }
  | UpdateOfferFrame;

/** The same frames as a door reads them (the simulator, tests). */
export const relayFrameSchema = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('welcome'),
    door: z.string(),
    epoch: epochSchema,
    time: z.number(),
    keepAliveSeconds: z.number().min(1),
  }),
  z.object({ t: z.literal('command'), id: commandIdSchema, jwe: z.string(), deadline: z.number() }),
  z.object({ t: z.literal('status'), id: z.string() }),
  z.object({ t: z.literal('challenge'), id: z.string().min(1).max(64) }),
  z.object({ t: z.literal('keepalive'), time: z.number() }),
  updateOfferSchema,
]);

export type { DoorState, EventData, EventKind };

export const DOOR_SOCKET_PATH = '/v1/devices/socket';
export const DOOR_SUBPROTOCOL = 'openlock.door.v1';
