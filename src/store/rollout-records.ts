/** What is kept of rollouts and of the doors in them (protocol 12.3), and how it is read. */
import { LRUCache } from 'lru-cache';
import { z } from 'zod';

import { DOOR_UPDATE_STATES, type DoorUpdateState } from '../protocol/update-frames.js';

/** A part of the fleet, or a number of doors. */
const shareSchema = z.union([z.object({ percent: z.number() }), z.object({ count: z.int() })]);
export type Share = z.infer<typeof shareSchema>;

/** What a rollout was started with; never changed afterwards. */
export const specSchema = z.object({
  sha256: z.string(),
  version: z.string(),
  board: z.string(),
  securityVersion: z.int(),
  size: z.int(),
  /** Only these doors; absent: every door of the board. */
  doors: z.array(z.string()).optional(),
  stages: z.array(shareSchema).min(1),
  maxFailures: shareSchema,
  soakMs: z.int(),
  /** How long a door under way may be silent. */
  doorTimeoutMs: z.int(),
  /** Most doors under way at once. */
  parallel: z.int(),
});
export type RolloutSpec = z.infer<typeof specSchema>;

export const ROLLOUT_STATES = ['running', 'paused', 'halted', 'cancelled', 'completed'] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

/** A rollout as stored. Times in Unix milliseconds. */
export interface RolloutRecord {
  readonly rolloutId: string;
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
  readonly reason: string | undefined;
  readonly startedAt: number;
  /** Index of the open stage. */
  readonly stage: number;
  readonly stageSince: number;
  /** When a door last came to an end. */
  readonly lastEndAt: number;
  /** Failures that count towards the limit: since the start, or since it was resumed after a halt. */
  readonly failures: number;
  /** Doors that were given their turn in a stage. */
  readonly started: number;
  readonly inFlight: number;
  /** Image bytes sent to doors. */
  readonly bytes: number;
  readonly driver: string | undefined;
  /** How many doors of a stage are in a state. */
  count(stage: number, state: DoorUpdateState): number;
}

const doorSchema = z.object({
  state: z.enum(DOOR_UPDATE_STATES),
  code: z.string().optional(),
  /** Update id of the frames; absent for a door that was offered nothing. */
  update: z.string().optional(),
  /** Stage it counts in; -1: in none. */
  stage: z.int(),
  /** Unix ms of the last change. */
  at: z.number(),
  percent: z.number().optional(),
  conn: z.string().optional(),
  /** `waiting`: not to be asked before (Unix ms). */
  notBefore: z.number().optional(),
});
export type DoorUpdate = Readonly<z.infer<typeof doorSchema>>;

/** A driver reads all doors of a rollout at each look, and most are as they were. */
const readBefore = new LRUCache<string, DoorUpdate>({ max: 20_000 });

export function readDoor(text: string): DoorUpdate {
  let door = readBefore.get(text);
  if (door === undefined) {
    door = doorSchema.parse(JSON.parse(text));
    readBefore.set(text, door);
  }
  return door;
}

/** One door's part of an update in flight, as the in-flight index has it. */
export interface InFlight {
  readonly rolloutId: string;
  readonly update: string;
}

export function parseInFlight(text: string): InFlight {
  const [rolloutId = '', update = ''] = text.split('|');
  return { rolloutId, update };
}
