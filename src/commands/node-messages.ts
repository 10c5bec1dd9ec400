import { z } from 'zod';

import { COMMAND_STATES } from '../protocol/client-frames.js';
import { doorStateSchema } from '../protocol/door-state.js';
import { base64urlSchema } from '../protocol/ids.js';

export const QUESTION_KINDS = ['status', 'challenge'] as const;
export type QuestionKind = (typeof QUESTION_KINDS)[number];

/** What a door answered; `at` is when its relay heard it, Unix milliseconds. */
export const doorAnswerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status'), state: doorStateSchema, at: z.number() }),
  z.object({ kind: z.literal('challenge'), challenge: base64urlSchema(32) }),
]);
export type DoorAnswer = z.infer<typeof doorAnswerSchema>;

/** What relays tell each other directly. Hints and answers only: the store holds the truth (protocol 6.7). */
export const nodeMessageSchema = z.discriminatedUnion('t', [
  /** A command waits for a door whose socket is here. */
  z.object({ t: z.literal('claim'), door: z.string(), id: z.string() }),
  /** A command this relay took was settled elsewhere. */
  z.object({
    t: z.literal('settled'),
    id: z.string(),
    state: z.enum(COMMAND_STATES),
    status: z.union([z.literal(200), z.literal(400)]).optional(),
    receipt: z.string().optional(),
  }),
  /** Ask the door, whose socket is here, for its state or for a challenge. */
  z.object({
    t: z.literal('ask'),
    kind: z.enum(QUESTION_KINDS),
    door: z.string(),
    id: z.string(),
    from: z.string(),
  }),
  z.object({ t: z.literal('answered'), id: z.string(), answer: doorAnswerSchema }),
  /** A newer socket of this door is live on another relay (protocol 4.6). */
  z.object({ t: z.literal('superseded'), conn: z.string() }),
]);
export type NodeMessage = z.infer<typeof nodeMessageSchema>;

/** What every relay is told at once (protocol 3.4). */
export const fleetMessageSchema = z.discriminatedUnion('t', [
  z.object({ t: z.literal('session_revoked'), siteId: z.string(), sessionId: z.string() }),
  z.object({ t: z.literal('site_blocked'), siteId: z.string() }),
  z.object({ t: z.literal('site_unblocked'), siteId: z.string() }),
  z.object({
    t: z.literal('door_changed'),
    door: z.string(),
    change: z.enum(['disabled', 'enabled', 'reset', 'removed', 'banned']),
  }),
  z.object({ t: z.literal('grants_changed'), door: z.string(), siteId: z.string() }),
  z.object({ t: z.literal('node_joined'), node: z.string() }),
  /** A release or a rollout changed: relays look at the store now instead of at their next turn (protocol 12.3). */
  z.object({ t: z.literal('rollouts_changed') }),
]);
export type FleetMessage = z.infer<typeof fleetMessageSchema>;
