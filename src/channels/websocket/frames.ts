/**
 * Frames to and from text (protocol 5.2, 7.7). The few kinds that make up nearly all traffic are read by a regular expression of
 * their usual spelling, which is linear and takes only what the strict reader behind it takes too, and read alike; everything else is
 * the strict reader's. They are written from templates where nothing in them needs escaping.
 */
import type { ReceivedFrame } from '../../doors/door-link.js';
import { clientFrameSchema, type ClientEventFrame, type ClientFrame } from '../../protocol/client-frames.js';
import { doorFrameSchema, type DoorFrame, type RelayFrame } from '../../protocol/door-frames.js';
import { LIMITS } from '../../protocol/limits.js';
import { parseStrictJson, StrictJsonError } from '../../protocol/strict-json.js';
import { UPDATE_PHASES } from '../../protocol/update-frames.js';

/** What a client sent that is no frame: why, and the `ref` it had all the same, so that the error finds its way. */
export interface Unreadable {
  readonly t: 'unreadable';
  readonly ref: string | undefined;
  readonly why: string;
}

/** Nothing in `ref` and `jwe` needs decoding; what the door and the envelope are, is checked where they are used. */
const USUAL_COMMAND =
  /^\{"t":"command","ref":"([ !#-[\]-~]{1,64})","door":"([A-Za-z0-9][\w-]{2,63})","jwe":"([\w.-]+)"\}$/;

export function readClientFrame(text: string): ClientFrame | Unreadable {
  const match = USUAL_COMMAND.exec(text);
  if (match === null) return readClientFrameStrictly(text);
  const [, ref = '', door = '', jwe = ''] = match;
  return { t: 'command', ref, door, jwe };
}

/** As {@link readClientFrame}, for every spelling; tests hold the two against each other. */
export function readClientFrameStrictly(text: string): ClientFrame | Unreadable {
  let json: unknown;
  try {
    json = parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return { t: 'unreadable', ref: undefined, why: `The frame is ${error.message}.` };
  }
  const frame = clientFrameSchema.safeParse(json);
  if (frame.success) return frame.data;
  const path = frame.error.issues[0]?.path.join('.') ?? '';
  return { t: 'unreadable', ref: refOf(json), why: `Not a frame of protocol 7.7: ${path} is wrong.` };
}

function refOf(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('ref' in json)) return undefined;
  return typeof json.ref === 'string' && json.ref.length >= 1 && json.ref.length <= 64 ? json.ref : undefined;
}

const KEEPALIVE = '{"t":"keepalive"}';
/** The last character of the id is a canonical one. A refusal of another name is the strict reader's, and so is an empty receipt. */
const USUAL_RESULT =
  /^\{"t":"result","id":"([\w-]{42}[AEIMQUYcgkosw048])","status":(200|400)(,"refusal":"credential")?(?:,"receipt":"([\w.-]+)")?\}$/;

/** `undefined` for what is malformed. */
export function readDoorFrame(text: string): ReceivedFrame | undefined {
  if (text === KEEPALIVE) return { t: 'keepalive' };
  const match = USUAL_RESULT.exec(text);
  if (match === null) return readDoorFrameStrictly(text);
  const [, id = '', status, refusal, receipt] = match;
  if (receipt !== undefined && receipt.length > LIMITS.receiptChars) return undefined;
  return {
    t: 'result',
    id,
    status: status === '200' ? 200 : 400,
    ...(refusal !== undefined && { refusal: 'credential' as const }),
    ...(receipt !== undefined && { receipt }),
  };
}

/** As {@link readDoorFrame}, for every spelling; tests hold the two against each other. */
export function readDoorFrameStrictly(text: string): ReceivedFrame | undefined {
  let json: unknown;
  try {
    json = parseStrictJson(text);
  } catch (error) {
    if (error instanceof StrictJsonError) return undefined;
    throw error;
  }
  const frame = doorFrameSchema.safeParse(json);
  if (frame.success) return frame.data;
  return isUnknownKind(json) ? { t: 'unknown' } : undefined;
}

const KNOWN_KINDS: ReadonlySet<unknown> = new Set<DoorFrame['t']>([
  'hello',
  'result',
  'status',
  'challenge',
  'event',
  'keepalive',
  'update',
]);

/** A frame, or a phase of an update, that a newer door knows and this relay does not (protocol 2.1). */
function isUnknownKind(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || !('t' in json) || typeof json.t !== 'string') return false;
  if (json.t === 'update') return 'phase' in json && typeof json.phase === 'string' && !UPDATE_PHASES.has(json.phase);
  return !KNOWN_KINDS.has(json.t);
}

/** What JSON writes as it is: every envelope, id and receipt there should be. */
const PLAIN = /^[\w.-]*$/;

/** Text of a frame for a door: what `JSON.stringify` writes. */
export function doorFrameText(frame: RelayFrame): string {
  if (frame.t !== 'command' || !PLAIN.test(frame.id) || !PLAIN.test(frame.jwe)) return JSON.stringify(frame);
  return `{"t":"command","id":"${frame.id}","jwe":"${frame.jwe}","deadline":${frame.deadline}}`;
}

/** Text of a frame for a client: what `JSON.stringify` writes, members of a result in this order. */
export function clientFrameText(frame: ClientEventFrame): string {
  if (frame.t !== 'result') return JSON.stringify(frame);
  const { ref, commandId, state, status, latencyMs, receipt } = frame;
  if (!PLAIN.test(commandId) || (receipt !== undefined && !PLAIN.test(receipt))) return JSON.stringify(frame);
  const tail = receipt === undefined ? '' : `,"receipt":"${receipt}"`;
  return `{"t":"result","ref":${JSON.stringify(ref)},"commandId":"${commandId}","state":"${state}","status":${status},"latencyMs":${latencyMs}${tail}}`;
}
