/**
 * The door's own judgement of a command (protocol 6.6), whatever the relay has already checked (1.3). What fails before
 * the plaintext is authenticated is one bare 400; what fails after it is told to the sender in a receipt only the sender
 * can read. The mark and the ring change only when credential and params have passed, and before anything moves.
 */
import { ACT_SCOPES, commandBodySchema, isAct, PARAMS_SCHEMAS, type Act } from '../../protocol/command-body.js';
import { isCanonicalBase64url } from '../../protocol/base64url.js';
import type { DoorState, EventKind } from '../../protocol/door-state.js';
import { parseCommandEnvelope, type CommandHeader } from '../../protocol/envelope.js';
import type { ReceiptCode } from '../../protocol/receipt.js';
import type { RandomSource } from '../ambient.js';
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
  readonly credentials: CredentialGuard;
  readonly random: RandomSource;
  describe(): DoorState;
  event(kind: EventKind): void;
  /** Persists the mark at least as high as `iat`; rejects when it is not safe. */
  persistMark(iat: number): Promise<void> | void;
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

/** Judges and, if all is well, carries out one command. `deadline` in Unix ms. Commands of a door run one at a time. */
export async function runCommand(jwe: string, deadline: number, door: CommandDoor): Promise<CommandEnd> {
  const parsed = parseCommandEnvelope(jwe);
  if (!parsed.ok || parsed.header.kid !== door.identity.kid) return BARE;
  const plaintext = openEnvelope(jwe, door.identity, door.random);
  const json = plaintext === undefined ? undefined : parsePlaintext(plaintext);
  const replyKey = replyKeyOf(json);
  if (replyKey === undefined) return BARE;
  // The id the sender addressed: `configure` may change it, and the receipt still answers for the old one.
  const { doorId } = door.settings;
  const verdict = await judge(parsed.header, json, deadline, door);
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

async function judge(header: CommandHeader, json: unknown, deadline: number, door: CommandDoor): Promise<Verdict> {
  const body = commandBodySchema.safeParse(json);
  if (!body.success) return stranger('malformed');
  if (header.door !== door.settings.doorId) return stranger('wrong_door');
  if (!door.replay.isFresh(header.iat) || door.clock.now() > deadline) return stranger('stale');
  if (door.replay.has(header.jti)) {
    door.event('replay_refused');
    return stranger('replayed');
  }
  const { act, credential, params } = body.data;
  if (isAct(act) && ACT_SCOPES[act] !== header.scope) return stranger('wrong_scope');
  const refused = await checkCredential(credential.password, door);
  if (refused !== undefined) return stranger(refused);
  if (!isAct(act)) return { code: 'unsupported', knowsPassword: true };
  const checked = PARAMS_SCHEMAS[act].safeParse(params ?? {});
  if (!checked.success) return { code: 'invalid_params', knowsPassword: true };
  return carryOut(header, act, checked.data, door);
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

async function carryOut(header: CommandHeader, act: Act, params: unknown, door: CommandDoor): Promise<Verdict> {
  if (!door.replay.record(header.jti, header.iat)) return { code: 'busy', knowsPassword: true };
  try {
    await door.persistMark(header.iat);
  } catch {
    door.replay.forget(header.jti);
    return { code: 'failed', knowsPassword: true };
  }
  door.clock.raiseMark(header.iat);
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
