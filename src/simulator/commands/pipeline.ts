/**
 * The door's own judgement of a command (protocol 6.6), whatever the relay has already checked (1.3). What fails before
 * the plaintext is authenticated is one bare 400; what fails after it is told to the sender in a receipt only the sender
 * can read. The mark and the ring change only when credential and params have passed, and before anything moves. A
 * challenge (19.4) stands in for `iat` and mark, never for the ring.
 */
import {
  ACT_SCOPES,
  commandBodySchema,
  isAct,
  PARAMS_SCHEMAS,
  type Act,
  type CommandBody,
} from '../../protocol/command-body.js';
import { isCanonicalBase64url } from '../../protocol/base64url.js';
import type { DoorState, EventKind } from '../../protocol/door-state.js';
import { parseCommandEnvelope, type CommandHeader } from '../../protocol/envelope.js';
import type { ReceiptCode } from '../../protocol/receipt.js';
import type { RandomSource } from '../ambient.js';
import type { Challenges } from '../challenges.js';
import type { CredentialGuard } from '../credential-guard.js';
import type { DoorClock } from '../door-clock.js';
import type { DoorIdentity } from '../identity.js';
import { sealReceipt } from '../receipts.js';
import type { ReplayGuard } from '../replay-guard.js';
import { ACT_HANDLERS, type ActingDoor, type ActOutcome } from './acts.js';
import { openEnvelope, parsePlaintext } from './open-envelope.js';

/** What the pipeline needs of a door. */
export interface CommandDoor extends ActingDoor {
  readonly identity: DoorIdentity;
  readonly clock: DoorClock;
  readonly replay: ReplayGuard;
  readonly challenges: Challenges;
  readonly credentials: CredentialGuard;
  readonly random: RandomSource;
  describe(): DoorState;
  event(kind: EventKind): void;
  /** Persists the id, and the mark at least as high as `iat` if it counts; rejects when that is not safe. */
  persistAccepted(jti: string, iat: number | undefined): Promise<void> | void;
  /** Persists the guessing limit. */
  persistGuard(): Promise<void> | void;
  noteCommand(status: 200 | 400): void;
}

/** How a command ended: the members of the result frame, and what only the door itself knows. */
export interface CommandEnd {
  readonly status: 200 | 400;
  readonly refusal?: 'credential';
  readonly receipt?: string;
  /** Absent for a bare 400. */
  readonly code?: ReceiptCode;
  /** Present when the act was carried out. */
  readonly executed?: { readonly jti: string; readonly act: Act };
  readonly afterwards?: () => void;
}

interface Verdict {
  readonly code: ReceiptCode;
  readonly knowsPassword: boolean;
  readonly outcome?: ActOutcome;
  readonly act?: Act;
}

const BARE: CommandEnd = { status: 400 };

/** Judges and, if all is well, carries out one command. `deadline` in Unix ms by the relay. Commands of a door run one at a time. */
export async function runCommand(jwe: string, deadline: number, door: CommandDoor): Promise<CommandEnd> {
  if (door.clock.isPast(deadline)) return BARE; // undecrypted (protocol 5.7)
  const parsed = parseCommandEnvelope(jwe);
  if (!parsed.ok || parsed.header.kid !== door.identity.kid) return BARE;
  const plaintext = openEnvelope(jwe, door.identity, door.random);
  const json = plaintext === undefined ? undefined : parsePlaintext(plaintext);
  const replyKey = replyKeyOf(json);
  if (replyKey === undefined) return BARE;
  // The id the sender addressed: `configure` may change it, and the receipt still answers for the old one.
  const { doorId } = door.settings;
  const verdict = await judge(parsed.header, json, door);
  return conclude(parsed.header, doorId, replyKey, verdict, door);
}

/** Without a reply key there is nobody to give a reason to. */
function replyKeyOf(json: unknown): Buffer | undefined {
  if (typeof json !== 'object' || json === null || !('replyKey' in json)) return undefined;
  const { replyKey } = json;
  return typeof replyKey === 'string' && isCanonicalBase64url(replyKey, 32)
    ? Buffer.from(replyKey, 'base64url')
    : undefined;
}

async function judge(header: CommandHeader, json: unknown, door: CommandDoor): Promise<Verdict> {
  const body = commandBodySchema.safeParse(json);
  if (!body.success) return stranger('malformed');
  if (header.door !== door.settings.doorId) return stranger('wrong_door');
  const { act, credential, challenge, params } = body.data;
  const old = checkFreshness(header, challenge, door);
  if (old === 'replayed') door.event('replay_refused');
  if (old !== undefined) return stranger(old);
  if (!isAct(act) || credential.type === 'unknown') return stranger('unsupported');
  if (ACT_SCOPES[act] !== header.scope) return stranger('wrong_scope');
  const refused = await checkCredential(credential.password, door);
  if (refused !== undefined) return stranger(refused);
  if (challenge !== undefined) door.challenges.burn(challenge);
  const checked = PARAMS_SCHEMAS[act].safeParse(params ?? {});
  if (!checked.success) return { code: 'invalid_params', knowsPassword: true };
  return carryOut(header, challenge === undefined ? header.iat : undefined, act, checked.data, door);
}

function checkFreshness(
  header: CommandHeader,
  challenge: CommandBody['challenge'],
  door: CommandDoor,
): 'challenge_required' | 'stale' | 'replayed' | undefined {
  if (challenge === undefined && !door.clock.unsure) return door.replay.judge(header.jti, header.iat);
  if (door.replay.has(header.jti)) return 'replayed';
  return challenge !== undefined && door.challenges.isLive(challenge) ? undefined : 'challenge_required';
}

async function checkCredential(
  password: string,
  door: CommandDoor,
): Promise<'bad_credential' | 'locked_out' | undefined> {
  const verdict = door.credentials.check(password, door.settings.doorPassword);
  switch (verdict) {
    case 'good':
      return undefined;
    case 'locked_out':
      return 'locked_out';
    case 'bad':
    case 'bad_now_locked':
      door.event('wrong_password');
      if (verdict === 'bad_now_locked') door.event('lockout');
      await door.persistGuard();
      return 'bad_credential';
  }
}

/** `iat` is `undefined` when a challenge stood in for it: what it says then, in the far future perhaps, moves no mark. */
async function carryOut(
  { jti }: CommandHeader,
  iat: number | undefined,
  act: Act,
  params: unknown,
  door: CommandDoor,
): Promise<Verdict> {
  if (!door.replay.record(jti, iat)) return { code: 'busy', knowsPassword: true };
  try {
    await door.persistAccepted(jti, iat);
  } catch {
    door.replay.forget(jti);
    return { code: 'failed', knowsPassword: true };
  }
  try {
    const outcome = await ACT_HANDLERS[act](door, params);
    return { code: 'ok', knowsPassword: true, outcome, act };
  } catch {
    // Something may have moved before it went wrong: it counts as carried out, and the receipt says it failed.
    return { code: 'failed', knowsPassword: true, act };
  }
}

/** A refusal that tells nothing of the door: the password was not shown to be known. */
function stranger(code: ReceiptCode): Verdict {
  return { code, knowsPassword: false };
}

function conclude(
  header: CommandHeader,
  doorId: string,
  replyKey: Buffer,
  verdict: Verdict,
  door: CommandDoor,
): CommandEnd {
  const { code, knowsPassword, outcome, act } = verdict;
  const status = code === 'ok' ? 200 : 400;
  if (knowsPassword) door.noteCommand(status);
  const receipt = sealReceipt(
    {
      jti: header.jti,
      door: doorId,
      status,
      code,
      at: door.clock.now(),
      ...(knowsPassword && { state: door.describe() }),
      ...(outcome?.newKid !== undefined && { newKid: outcome.newKid }),
    },
    replyKey,
    door.random,
  );
  return {
    status,
    code,
    receipt,
    ...(code === 'bad_credential' && { refusal: 'credential' as const }),
    ...(act !== undefined && { executed: { jti: header.jti, act } }),
    ...(outcome?.afterwards !== undefined && { afterwards: outcome.afterwards }),
  };
}
