import type { CommandState } from '../protocol/client-frames.js';
import type { Scope } from '../protocol/envelope.js';
import type { ProblemCode } from '../protocol/problem.js';
import { doorItem, type ItemNeeds } from './door-items.js';
import type { FunctionArgument } from './function-library.js';
import type { GroupCommit } from './group-commit.js';

export interface AdmitFields {
  readonly siteId: string;
  readonly doorId: string;
  readonly commandId: string;
  readonly jwe: string;
  readonly scope: Scope;
  readonly kid: string;
  /** Unix milliseconds, from the envelope. */
  readonly iat: number;
  readonly node: string;
  /** Connection of the door on this relay, if it is here. */
  readonly conn: string | undefined;
  /** Relays with a lease, as `,a,b,`. */
  readonly liveNodes: string;
  readonly timeoutMs: number;
  /** Role of an actor that needs no grant: the machine's own operator. */
  readonly builtInRole: string | undefined;
  readonly auditEntry: string;
}

/** Outcome of the store's part of protocol 6.5. */
export type AdmitResult =
  | { readonly outcome: 'claimed' | 'pending'; readonly deadline: number }
  | { readonly outcome: 'replayed'; readonly state: CommandState | undefined }
  | { readonly outcome: 'refused'; readonly code: ProblemCode; readonly retryAfterMs: number };

export type ClaimResult =
  { readonly outcome: 'claimed'; readonly jwe: string; readonly deadline: number } | { readonly outcome: string };

/** Which command, and where the store has it. */
export interface CommandName {
  readonly doorId: string;
  readonly commandId: string;
  /** {@link minuteOf} the command; `undefined` where nobody knows it any more, then it is looked for. */
  readonly minute: number | undefined;
}

export interface SettleFields extends CommandName {
  readonly status: 200 | 400;
  /** The door said that the credential was wrong (protocol 5.2). */
  readonly credentialRefused: boolean;
  readonly receipt: string | undefined;
  readonly node: string;
  readonly auditEntry: string;
}

export interface StoredCommand {
  readonly state: CommandState;
  readonly siteId: string;
  readonly submittedAt: number;
  readonly status: 200 | 400 | undefined;
  readonly settledAt: number | undefined;
  readonly receipt: string | undefined;
}

/** Minute of a command's `iat`, under which the store keeps it. */
export const minuteOf = (iat: number): number => Math.floor(iat / 60_000);

/** Typed items of `redis/functions/commands.lua`: the life of a command (protocol 6.7). */
export class CommandStore {
  readonly #batch: GroupCommit;

  constructor(batch: GroupCommit) {
    this.#batch = batch;
  }

  async admit(fields: AdmitFields): Promise<AdmitResult> {
    const [outcome = '', detail = ''] = (await this.#admit(fields)).split(' ');
    if (outcome === 'elsewhere') return this.admit({ ...fields, conn: undefined });
    if (outcome === 'claimed' || outcome === 'pending') return { outcome, deadline: Number(detail) };
    if (outcome === 'replayed') return { outcome, state: stateOf(detail) };
    return { outcome: 'refused', code: outcome as ProblemCode, retryAfterMs: Number(detail) };
  }

  #admit(fields: AdmitFields): Promise<string> {
    const { siteId, doorId, commandId, scope, kid, iat, conn, node, timeoutMs, builtInRole = '', auditEntry } = fields;
    // Who is alive and the envelope matter to another relay only; one that has the door's socket need not send them.
    const here = conn !== undefined && fields.liveNodes.includes(`,${node},`);
    const elsewhere = here ? ['', ''] : [fields.liveNodes, fields.jwe];
    const command = [siteId, commandId, scope, kid, iat, minuteOf(iat), conn ?? '', ...elsewhere];
    return this.#run('admit', doorId, [...command, timeoutMs, builtInRole, auditEntry], { node });
  }

  /** Takes a pending command for this very connection; the reply is what allows it to be written to the socket. */
  async claim(command: CommandName, node: string, conn: string): Promise<ClaimResult> {
    const answer = await this.#runOn(command, 'claim', [conn], { node });
    const [outcome = '', , , , deadline, , jwe] = answer.split('|');
    return deadline === undefined || jwe === undefined
      ? { outcome }
      : { outcome: 'claimed', jwe, deadline: Number(deadline) };
  }

  /** Publishes the hint for a command that is still pending once more; returns the state it found. */
  async nudge(command: CommandName): Promise<CommandState | undefined> {
    return stateOf(await this.#runOn(command, 'nudge'));
  }

  /** Stores the door's answer. Idempotent: a second call changes nothing. */
  async settle(fields: SettleFields): Promise<{ state: CommandState | undefined; settled: boolean }> {
    const { status, receipt = '', node, auditEntry } = fields;
    const words = [status, refusalOf(fields), receipt, auditEntry];
    const answer = await this.#runOn(fields, 'settle', words, { node, ends: true });
    const [state = '', settled] = answer.split(' ');
    return { state: stateOf(state), settled: settled === '1' };
  }

  /** Expires a command that was certainly never written to a socket. */
  async abandon(command: CommandName, node: string): Promise<void> {
    await this.#runOn(command, 'abandon', [], { node, ends: true });
  }

  async read(command: CommandName): Promise<StoredCommand | undefined> {
    const answer = await this.#runOn(command, 'read', [], { ends: true });
    const [state, siteId, at, status, settledAt, ...receipt] = answer.split('|');
    if (state === undefined || siteId === undefined) return undefined;
    return {
      state: state as CommandState,
      siteId,
      submittedAt: Number(at),
      status: status === '200' ? 200 : status === '400' ? 400 : undefined,
      settledAt: settledAt === undefined || settledAt === '' ? undefined : Number(settledAt),
      receipt: receipt.join('|') || undefined,
    };
  }

  #runOn(
    { doorId, commandId, minute }: CommandName,
    name: string,
    words: readonly FunctionArgument[] = [],
    how: ItemNeeds = {},
  ): Promise<string> {
    return this.#run(name, doorId, [commandId, minute ?? '', ...words], how);
  }

  async #run(name: string, doorId: string, words: readonly FunctionArgument[], how: ItemNeeds): Promise<string> {
    return (await this.#batch.run(doorItem(name, doorId, words, how))) as string;
  }
}

const stateOf = (text: string): CommandState | undefined => (text === '' ? undefined : (text as CommandState));

/** A bare 400 may be anything, a guess too: it counts like a wrong credential (protocol 6.6). */
function refusalOf({ status, credentialRefused, receipt }: SettleFields): 'credential' | 'bare' | '' {
  if (credentialRefused) return 'credential';
  return status === 400 && receipt === undefined ? 'bare' : '';
}
