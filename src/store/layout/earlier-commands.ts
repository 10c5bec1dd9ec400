/**
 * Commands that were sent while the store had layout 1. Each is a key of its own there, and no index leads to them all; they go by
 * themselves within ten minutes. Until then whoever asks for one has it filed where commands are kept now (protocol 6.5, 6.7).
 */
import type { Clock } from '../../clock.js';
import { fleetKeys, shardKeys, shardOf } from '../keys.js';
import { LUA_CONSTANTS } from '../lua-constants.js';
import { layout1DoorKeys, type StoreAccess } from './layout-1.js';

const MINUTE_MS = 60_000;
const { kept_minutes: KEPT_MINUTES, receipt_ms: RECEIPT_MS, receipt_slice_ms: SLICE_MS } = LUA_CONSTANTS.COMMAND;

/** Fields of a command of layout 1. */
export type EarlierFields = Readonly<Record<string, string>>;

export class EarlierCommands {
  readonly #link: StoreAccess;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Monotonic milliseconds. */
  readonly #until: number;

  private constructor(link: StoreAccess, clock: Pick<Clock, 'monotonic'>, forMs: number) {
    this.#link = link;
    this.#clock = clock;
    this.#until = clock.monotonic() + forMs;
  }

  /** `undefined` where there can be none: the store was new, or has had this layout for longer. */
  static async of(link: StoreAccess, clock: Pick<Clock, 'monotonic'>): Promise<EarlierCommands | undefined> {
    const left = await link.run((client) => client.pttl(fleetKeys.earlierCommands));
    return left > 0 ? new EarlierCommands(link, clock, left) : undefined;
  }

  /** Has a command filed, if it was sent before the move; the minute it is under from then on. `undefined`: it is none of those. */
  async minuteOf(doorId: string, commandId: string): Promise<number | undefined> {
    if (this.#clock.monotonic() >= this.#until) return undefined;
    const earlier = layout1DoorKeys(doorId);
    const [fields, receipt] = await this.#link.run((client) =>
      Promise.all([client.hgetall(earlier.command(commandId)), client.get(earlier.receipt(commandId))]),
    );
    if (fields['state'] === undefined) return undefined;
    const minute = minuteOfEarlier(fields);
    const slice = Math.floor(Number(fields['settledAt'] ?? 0) / SLICE_MS);
    const shard = shardKeys(shardOf(doorId));
    await this.#link.call(
      'layout_file',
      [shard.commands(minute), shard.receipts(slice)],
      [commandId, commandValue(fields, ''), commandsGoneAt(minute), receipt ?? '', (slice + 1) * SLICE_MS + RECEIPT_MS],
    );
    return minute;
  }
}

/** The minute an earlier command is filed under: that of its admission, as its `iat` was not kept. */
export function minuteOfEarlier(fields: EarlierFields): number {
  return Math.floor(Number(fields['at']) / MINUTE_MS);
}

/** When the commands of a minute go, in Unix milliseconds. */
export const commandsGoneAt = (minute: number): number => (minute + KEPT_MINUTES) * MINUTE_MS;

/** A command as it is kept now (`redis/functions/commands.lua`). `jwe`: of one that nobody has claimed yet. */
export function commandValue(fields: EarlierFields, jwe: string): string {
  const { state, status, settledAt } = fields;
  if (state === 'pending') return `${commandHead(fields)}|${jwe}`;
  return status === undefined || settledAt === undefined
    ? commandHead(fields)
    : `${commandHead(fields)}|${status}|${settledAt}`;
}

/** What it held when it was admitted. */
export function commandHead(fields: EarlierFields): string {
  const { state = '', site = '', node = '', at = '', deadline = '', counted = '' } = fields;
  return [state, site, node, at, deadline, counted].join('|');
}
