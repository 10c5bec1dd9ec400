/** The `update` frames and the binary frame of protocol 12.4. */
import * as z from 'zod';

import { RELEASE_LIMITS } from './release-limits.js';

/** Protocol 12.3. `waiting` is also where a door is that has no record at all. */
export const DOOR_UPDATE_STATES = [
  'waiting',
  'offered',
  'refused',
  'downloading',
  'verified',
  'rebooting',
  'confirmed',
  'rolled_back',
  'failed',
  'timed_out',
] as const;
export type DoorUpdateState = (typeof DOOR_UPDATE_STATES)[number];

const id = z.string().min(1).max(64);
const offset = z.int().min(0).max(RELEASE_LIMITS.imageBytes);
/** One of 12.7, or one a newer door knows: read as a word. */
const code = z.string().regex(/^[a-z][a-z_]{0,31}$/);
const t = z.literal('update');

/** Door to relay, by phase. A phase this relay does not know comes from a newer door, and is set aside (protocol 2.1). */
export const doorUpdateSchema = z.discriminatedUnion('phase', [
  z.object({ t, id, phase: z.literal('accept'), offset }),
  z.object({ t, id, phase: z.literal('refuse'), code }),
  z.object({ t, id, phase: z.literal('get'), offset, length: z.int().min(1).max(RELEASE_LIMITS.chunkBytes) }),
  z.object({ t, id, phase: z.literal('downloading'), percent: z.number().min(0).max(100) }),
  z.object({ t, id, phase: z.literal('verified') }),
  z.object({ t, id, phase: z.literal('rebooting') }),
  z.object({ t, id, phase: z.literal('confirmed') }),
  z.object({ t, id, phase: z.literal('rolled_back'), code: code.optional() }),
  z.object({ t, id, phase: z.literal('failed'), code: code.optional() }),
]);
export type DoorUpdateFrame = z.infer<typeof doorUpdateSchema>;
export type UpdatePhase = DoorUpdateFrame['phase'];

export const UPDATE_PHASES: ReadonlySet<string> = new Set(
  doorUpdateSchema.options.map((option) => option.shape.phase.value),
);

/** Relay to door: the only phase it has. */
export const updateOfferSchema = z.object({
  t,
  id,
  phase: z.literal('offer'),
  manifest: z.string().max(RELEASE_LIMITS.manifestChars),
});
export type UpdateOfferFrame = z.infer<typeof updateOfferSchema>;

const OFFSET_BYTES = 4;

/** The binary frame that answers a `get`: 4-byte big-endian offset, then the bytes. */
export function encodeChunk(at: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(OFFSET_BYTES + bytes.length);
  new DataView(frame.buffer).setUint32(0, at);
  frame.set(bytes, OFFSET_BYTES);
  return frame;
}

/** `undefined` for a frame that is too short or too long to be a chunk. `bytes` is a view of `frame`. */
export function decodeChunk(frame: Uint8Array): { readonly offset: number; readonly bytes: Uint8Array } | undefined {
  if (frame.length <= OFFSET_BYTES || frame.length > OFFSET_BYTES + RELEASE_LIMITS.chunkBytes) return undefined;
  return {
    offset: new DataView(frame.buffer, frame.byteOffset, OFFSET_BYTES).getUint32(0),
    bytes: frame.subarray(OFFSET_BYTES),
  };
}
