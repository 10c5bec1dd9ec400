import type { CommandState } from '../protocol/client-frames.js';
import type { Scope } from '../protocol/envelope.js';
import type { ProblemCode } from '../protocol/problem.js';
import { channels, doorKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

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
  | { readonly outcome: 'claimed'; readonly jwe: string; readonly deadline: number; readonly siteId: string }
  | { readonly outcome: string };

export interface SettleFields {
  readonly doorId: string;
  readonly commandId: string;
  readonly siteId: string;
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

/** Typed calls of `redis/functions/commands.lua`: the life of a command (protocol 6.7). */
export class CommandStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async admit(fields: AdmitFields): Promise<AdmitResult> {
    // The envelope is only stored for another relay; one that has the door's socket need not send it.
    const [outcome, detail] =
      fields.conn === undefined ? await this.#admit(fields, fields.jwe) : await this.#admit(fields, '');
    if (outcome === 'elsewhere') return this.admit({ ...fields, conn: undefined });
    if (outcome === 'claimed' || outcome === 'pending') return { outcome, deadline: Number(detail) };
    if (outcome === 'replayed') return { outcome, state: detail === '' ? undefined : (detail as CommandState) };
    return { outcome: 'refused', code: outcome as ProblemCode, retryAfterMs: Number(detail) };
  }

  async #admit(fields: AdmitFields, jwe: string): Promise<[string, string | number]> {
    const keys = doorKeys(fields.doorId);
    return (await this.#link.call(
      'command_admit',
      [
        keys.record,
        keys.grants,
        keys.live,
        keys.command(fields.commandId),
        keys.command(''),
        keys.jwe(fields.commandId),
        keys.cooldown(fields.siteId),
        ...trailKeys(keys),
      ],
      [
        fields.siteId,
        fields.doorId,
        fields.commandId,
        fields.scope,
        fields.kid,
        fields.iat,
        fields.node,
        fields.conn ?? '',
        fields.liveNodes,
        jwe,
        fields.timeoutMs,
        fields.builtInRole ?? '',
        channels.node(''),
        fields.auditEntry,
      ],
    )) as [string, string | number];
  }

  /** Takes a pending command for this very connection; the reply is what allows it to be written to the socket. */
  async claim(doorId: string, commandId: string, node: string, conn: string): Promise<ClaimResult> {
    const keys = doorKeys(doorId);
    const [outcome, jwe, deadline, siteId] = (await this.#link.call(
      'command_claim',
      [keys.command(commandId), keys.jwe(commandId), keys.live, ...trailKeys(keys)],
      [doorId, commandId, node, conn],
    )) as [string, string?, string?, string?];
    if (outcome !== 'claimed' || jwe === undefined || deadline === undefined || siteId === undefined)
      return { outcome };
    return { outcome, jwe, deadline: Number(deadline), siteId };
  }

  /** Publishes the hint for a command that is still pending once more; returns the state it found. */
  async nudge(doorId: string, commandId: string): Promise<CommandState | undefined> {
    const keys = doorKeys(doorId);
    const state = (await this.#link.call(
      'command_nudge',
      [keys.command(commandId), keys.live],
      [doorId, commandId, channels.node('')],
    )) as string;
    return state === '' ? undefined : (state as CommandState);
  }

  /** Stores the door's answer. Idempotent: a second call changes nothing. */
  async settle(fields: SettleFields): Promise<{ state: CommandState | undefined; settled: boolean }> {
    const keys = doorKeys(fields.doorId);
    const [state, settled] = (await this.#link.call(
      'command_settle',
      [
        keys.command(fields.commandId),
        keys.receipt(fields.commandId),
        keys.cooldown(fields.siteId),
        ...trailKeys(keys),
      ],
      [
        fields.doorId,
        fields.commandId,
        fields.status,
        refusalOf(fields),
        fields.receipt ?? '',
        fields.node,
        channels.node(''),
        fields.auditEntry,
      ],
    )) as [string, number];
    return { state: state === '' ? undefined : (state as CommandState), settled: settled === 1 };
  }

  /** Expires a command that was certainly never written to a socket. */
  async abandon(doorId: string, commandId: string, node: string): Promise<void> {
    const keys = doorKeys(doorId);
    await this.#link.call(
      'command_abandon',
      [keys.command(commandId), ...trailKeys(keys)],
      [doorId, commandId, node, channels.node('')],
    );
  }

  async read(doorId: string, commandId: string): Promise<StoredCommand | undefined> {
    const keys = doorKeys(doorId);
    const [state, siteId, at, status, settledAt, receipt] = (await this.#link.call(
      'command_read',
      [keys.command(commandId), keys.receipt(commandId), ...trailKeys(keys)],
      [doorId, commandId],
    )) as string[];
    if (state === undefined || siteId === undefined) return undefined;
    return {
      state: state as CommandState,
      siteId,
      submittedAt: Number(at),
      status: status === '200' ? 200 : status === '400' ? 400 : undefined,
      settledAt: settledAt === undefined || settledAt === '' ? undefined : Number(settledAt),
      receipt: receipt === undefined || receipt === '' ? undefined : receipt,
    };
  }

  /** Site that sent a command, for a result whose command this relay no longer remembers. */
  async siteOf(doorId: string, commandId: string): Promise<string | undefined> {
    return (await this.#link.run((client) => client.hget(doorKeys(doorId).command(commandId), 'site'))) ?? undefined;
  }
}

/** Where commands under way and their ends are written; the last keys of every function that may end one. */
function trailKeys(keys: ReturnType<typeof doorKeys>): string[] {
  return [keys.underWay, keys.audit, keys.auditTraffic, keys.auditFold];
}

/** A bare 400 may be anything, a guess too: it counts like a wrong credential (protocol 6.6). */
function refusalOf({ status, credentialRefused, receipt }: SettleFields): 'credential' | 'bare' | '' {
  if (credentialRefused) return 'credential';
  return status === 400 && receipt === undefined ? 'bare' : '';
}
