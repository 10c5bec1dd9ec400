import * as z from 'zod';

/** What a door says of itself (protocol 5.3, 5.4): advisory and unauthenticated, a receipt alone is authoritative (1.1). */

export const doorStateSchema = z.object({
  lock: z.enum(['locked', 'unlocked', 'unknown']),
  /** Unsure: only commands with a challenge are taken (protocol 6.6). */
  clock: z.enum(['sure', 'unsure']).optional(),
  contact: z.enum(['open', 'closed']).optional(),
  rssi: z.number().optional(),
  freeHeap: z.number().optional(),
  /** Bytes: what can be had in one piece, and the least ever left of any task's stack. In status frames alone. */
  largestFreeBlock: z.number().optional(),
  stackLeft: z.number().optional(),
  uptimeMs: z.number().optional(),
  battery: z.number().optional(),
  mode: z.enum(['normal', 'fail_safe', 'lockout']),
  lastCommand: z.object({ at: z.number(), status: z.number() }).optional(),
});
export type DoorState = z.infer<typeof doorStateSchema>;

export const EVENT_KINDS = [
  'locked',
  'unlocked',
  'forced_open',
  'held_open',
  'tamper',
  'wrong_password',
  'lockout',
  'replay_refused',
  'boot',
  'fail_safe_entered',
  'fail_safe_left',
  'clock_unsure',
  'configured',
  'low_heap',
  'update',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** True for the kinds of protocol 5.4. */
export function isEventKind(kind: string): kind is EventKind {
  return EVENT_KINDS.some((known) => known === kind);
}

/** `data` of an event is flat (protocol 5.2); its size is checked on the frame. */
export const eventDataSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
export type EventData = z.infer<typeof eventDataSchema>;
