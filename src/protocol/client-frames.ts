import * as z from 'zod';

import { doorStateSchema, eventDataSchema, type DoorState, type EventData, type EventKind } from './door-state.js';
import { commandIdSchema, doorIdSchema } from './ids.js';
import type { ProblemCode } from './problem.js';

/** Frames on the client socket (protocol 7.7): JSON, one object a frame, unknown members ignored (2.1). */

const refSchema = z.string().min(1).max(64);
const doorsSchema = z.array(doorIdSchema).min(1).max(1000);

export const clientCommandSchema = z.object({
  t: z.literal('command'),
  ref: refSchema,
  door: doorIdSchema,
  jwe: z.string().min(1),
});
export const clientStatusSchema = z.object({ t: z.literal('status'), ref: refSchema, door: doorIdSchema });
export const clientSubscribeSchema = z.object({ t: z.literal('subscribe'), ref: refSchema, doors: doorsSchema });
export const clientUnsubscribeSchema = z.object({ t: z.literal('unsubscribe'), ref: refSchema, doors: doorsSchema });
export const clientTokenSchema = z.object({
  t: z.literal('token'),
  ref: refSchema,
  accessToken: z.string().min(1).max(4096),
});

/** Client to relay. */
export const clientFrameSchema = z.discriminatedUnion('t', [
  clientCommandSchema,
  clientStatusSchema,
  clientSubscribeSchema,
  clientUnsubscribeSchema,
  clientTokenSchema,
]);
export type ClientFrame = z.infer<typeof clientFrameSchema>;

/** States of a command (protocol 6.7). */
export const COMMAND_STATES = ['pending', 'claimed', 'executed', 'refused', 'expired', 'indeterminate'] as const;
export type CommandState = (typeof COMMAND_STATES)[number];

/** Relay to client. Times in Unix milliseconds. */
export type ClientEventFrame =
  | {
      readonly t: 'result';
      readonly ref: string;
      readonly commandId: string;
      readonly state: CommandState;
      readonly status: 200 | 400;
      readonly receipt?: string | undefined;
      readonly latencyMs: number;
    }
  | {
      readonly t: 'status';
      readonly ref?: string;
      readonly door: string;
      readonly online: boolean;
      readonly live: boolean;
      readonly state: DoorState | null;
      readonly at: number | null;
    }
  | {
      readonly t: 'event';
      readonly door: string;
      readonly kind: EventKind;
      readonly at: number;
      readonly data?: EventData | undefined;
    }
  | { readonly t: 'presence'; readonly door: string; readonly online: boolean; readonly at: number }
  | { readonly t: 'ok'; readonly ref: string }
  | {
      readonly t: 'error';
      readonly ref?: string;
      readonly code: ProblemCode;
      readonly detail: string;
      readonly retryAfterMs?: number;
      readonly commandId?: string;
      readonly state?: string;
    };

/**
 * The same frames as a client reads them (the SDK, tests). Looser than {@link ClientEventFrame} where a newer relay may
 * know more than this client: kinds of events, codes and states of commands are any short text.
 */
export const relayToClientFrameSchema = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('result'),
    ref: refSchema,
    commandId: commandIdSchema,
    state: z.string().max(64),
    status: z.union([z.literal(200), z.literal(400)]),
    receipt: z.string().optional(),
    latencyMs: z.number().optional(),
  }),
  z.object({
    t: z.literal('status'),
    ref: refSchema.optional(),
    door: doorIdSchema,
    online: z.boolean(),
    live: z.boolean(),
    state: doorStateSchema.nullable(),
    at: z.number().nullable(),
  }),
  z.object({
    t: z.literal('event'),
    door: doorIdSchema,
    kind: z.string().min(1).max(64),
    at: z.number(),
    data: eventDataSchema.optional(),
  }),
  z.object({ t: z.literal('presence'), door: doorIdSchema, online: z.boolean(), at: z.number() }),
  z.object({ t: z.literal('ok'), ref: refSchema }),
  z.object({
    t: z.literal('error'),
    ref: refSchema.optional(),
    code: z.string().max(64),
    detail: z.string(),
    retryAfterMs: z.number().min(0).optional(),
    commandId: z.string().optional(),
    state: z.string().optional(),
  }),
]);
export type RelayToClientFrame = z.infer<typeof relayToClientFrameSchema>;

export const CLIENT_SOCKET_PATH = '/v1/socket';
export const CLIENT_SUBPROTOCOL = 'openlock.client.v1';
export const CLIENT_BEARER_PREFIX = 'openlock.bearer.';
