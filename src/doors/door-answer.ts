import { z } from 'zod';

import { doorStateSchema } from '../protocol/door-state.js';
import { base64urlSchema } from '../protocol/ids.js';

/** What a door answered to a question (protocol 7.5, 19.4); `at` is when its relay heard it, Unix milliseconds. */
export const doorAnswerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status'), state: doorStateSchema, at: z.number() }),
  z.object({ kind: z.literal('challenge'), challenge: base64urlSchema(32) }),
]);
export type DoorAnswer = z.infer<typeof doorAnswerSchema>;
