import { encodeBase64url } from '../protocol/base64url.js';
import { isAct, type Act } from '../protocol/command-body.js';
import { base64urlSchema } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { ClientClock, ClientRandom } from './ambient.js';

/**
 * What somebody wants once, however often it has to be sent: all its envelopes have one `jti`, and the door runs a `jti`
 * once (protocol 6.6). As a text it can be kept and handed in again: `<act>.<door id>.<time>.<jti>`. It is no secret.
 */
export interface Intent {
  readonly act: Act;
  readonly doorId: string;
  /** Unix milliseconds: when it was made, before its first envelope. */
  readonly at: number;
  readonly jti: string;
}

/**
 * A door remembers a `jti` for 60 s, the time an envelope is fresh. What is left of it is for clocks that differ and for
 * the way. After that the door could have forgotten that it ran.
 */
export const INTENT_MS = 45_000;

const jtiSchema = base64urlSchema(16);

export function newIntent(
  act: Act,
  doorId: string,
  { clock, random }: { readonly clock: ClientClock; readonly random: ClientRandom },
): Intent {
  return { act, doorId, at: clock.now(), jti: encodeBase64url(random.bytes(16)) };
}

export function textOf({ act, doorId, at, jti }: Intent): string {
  return [act, doorId, at, jti].join('.');
}

/**
 * Throws `invalid_request` for what is not an intent of this act at this door, `stale_timestamp` for one that is too old to be
 * held to once.
 */
export function readIntent(
  text: string,
  expected: { readonly act: Act; readonly doorId: string },
  now: number,
): Intent {
  const [act, doorId, atText = '', jti, ...more] = text.split('.');
  const at = Number(atText);
  if (!isAct(act) || !/^\d{1,15}$/.test(atText) || !jtiSchema.safeParse(jti).success || more.length > 0)
    throw new OpenLockError('invalid_request', 'that is no intent');
  if (act !== expected.act || doorId !== expected.doorId)
    throw new OpenLockError('invalid_request', `the intent is for ${act} at ${doorId ?? ''}`);
  if (Math.abs(now - at) > INTENT_MS) {
    throw new OpenLockError(
      'stale_timestamp',
      `the command was first meant more than ${INTENT_MS / 1000} s ago, and the door may have forgotten whether it ran: ask for its status, then start anew`,
    );
  }
  return { act, doorId, at, jti: jti ?? '' };
}
