import { doorKeys, firmwareKeys, fleetKeys, operatorKeys, siteKeys } from './keys.js';
import { AUDIT_BOUNDS } from './lua-constants.js';
import type { RedisLink } from './redis-link.js';

const FOLDS_PER_MINUTE = 2000;
const FOLD_TTL_SECONDS = 7 * 24 * 3600;
/** Ids removed in one call: more would hold up other calls of Redis. */
const REMOVED_AT_ONCE = 1000;

/** One stored entry, for paging and export. */
export interface StoredEntry {
  /** Of the record in the stream it is in; those of a command's submission and end are in one. */
  readonly id: string;
  /** The entry as JSON text (see src/audit/entry.ts). */
  readonly text: string;
}

/** A stream of the trail, and which of its entries are wanted. */
export interface AuditSource {
  readonly stream: string;
  readonly isWanted: (entry: Readonly<Record<string, unknown>>) => boolean;
}

/** What a bound pushed out of a stream before anybody exported it. */
export interface Dropped {
  readonly count: number;
  /** Entry that says so, as JSON; its time is that of the oldest entry that is left. */
  readonly text: string;
}

/**
 * The audit streams (protocol 10). Each door, each site, firmware and the fleet has two: what happened, which nobody's refusals can
 * push out, and what came and went (refusals, folded; sockets, events, refreshes, update steps). And the folds of this minute.
 */
export class AuditStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Adds counts to a minute's fold. `counts`: entry JSON without a count -> how many. */
  async fold(minute: number, counts: ReadonlyMap<string, number>, overflowField: string): Promise<void> {
    const flat = [...counts].flatMap(([field, count]) => [field, count]);
    await this.#link.call(
      'audit_fold',
      [fleetKeys.auditFold(minute), fleetKeys.auditFolds],
      [minute, FOLDS_PER_MINUTE, FOLD_TTL_SECONDS, overflowField, ...flat],
    );
  }

  /** Moves every fold of a minute before `minute` into the stream. */
  async closeFoldsBefore(minute: number): Promise<void> {
    const open = await this.#link.run((client) => client.zrange(fleetKeys.auditFolds, '-inf', `(${minute}`, 'BYSCORE'));
    for (const old of open) {
      await this.#link.call(
        'audit_fold_close',
        [fleetKeys.auditFold(Number(old)), fleetKeys.auditFolds, fleetKeys.auditTraffic],
        [old],
      );
    }
  }

  /** What is still being counted: entries with their count so far, of one door or of all. */
  async openFolds(door?: string): Promise<readonly string[]> {
    const minutes = await this.#link.run((client) => client.zrange(fleetKeys.auditFolds, 0, -1));
    const doors = door === undefined ? await this.#link.run((client) => client.smembers(fleetKeys.doors)) : [door];
    const keys = [
      ...minutes.map((minute) => fleetKeys.auditFold(Number(minute))),
      ...doors.sort().map((id) => doorKeys(id).auditFold),
    ];
    const folds = await this.#link.run((client) => Promise.all(keys.map((key) => client.hgetall(key))));
    return folds.flatMap((counts) =>
      Object.entries(counts)
        .filter(([field]) => field !== 'minute')
        .map(([field, count]) => `${field.slice(0, -1)},"count":${count}}`),
    );
  }

  /** Moves the folds of doors whose minute is over into their streams; they stay open until the next refusal otherwise. */
  async closeDoorFolds(): Promise<void> {
    for (const door of await this.#link.run((client) => client.smembers(fleetKeys.doors))) {
      const { auditFold, auditTraffic } = doorKeys(door);
      await this.#link.call('audit_door_fold_close', [auditFold, auditTraffic], []);
    }
  }

  /** Every stream that exists or may exist: operator, fleet, firmware, then doors, then sites. */
  async streams(): Promise<readonly string[]> {
    const [doors, sites] = await this.#link.run((client) =>
      Promise.all([client.smembers(fleetKeys.doors), client.smembers(fleetKeys.sites)]),
    );
    const owners = [fleetKeys, firmwareKeys, ...doors.sort().map(doorKeys), ...sites.sort().map(siteKeys)];
    return [operatorKeys.audit, ...owners.flatMap(({ audit, auditTraffic }) => [audit, auditTraffic])];
  }

  /** Every stream with all of its entries; or a door's own, and what the others say of the door. */
  async sources(door?: string): Promise<readonly AuditSource[]> {
    if (door === undefined) return (await this.streams()).map((stream) => ({ stream, isWanted: () => true }));
    const own = doorKeys(door);
    return [
      ...[own.audit, own.auditTraffic].map((stream) => ({ stream, isWanted: () => true })),
      ...[firmwareKeys.auditTraffic, fleetKeys.audit, fleetKeys.auditTraffic].map((stream) => ({
        stream,
        isWanted: (entry: Readonly<Record<string, unknown>>) => entry['door'] === door,
      })),
    ];
  }

  /** Appends one entry of its own where no function carries it. */
  async append(stream: string, text: string): Promise<void> {
    await this.#link.run((client) => client.xadd(stream, 'MAXLEN', '~', AUDIT_BOUNDS.fleet, '*', 'e', text));
  }

  /** How many entries a stream has lost to its bound; `undefined` when none. */
  async dropped(stream: string): Promise<Dropped | undefined> {
    const [count, first] = (await this.#link.call('audit_dropped', [stream], [])) as [number, string];
    if (count <= 0) return undefined;
    const at = Number(first.split('-')[0]);
    const entry = { at, node: 'store', kind: 'audit_dropped', actor: 'relay', code: stream, count };
    return { count, text: JSON.stringify(entry) };
  }

  /** Entries of `count` records after stream id `after` (exclusive; '-' from the start), oldest first. */
  async read(stream: string, after: string, count: number): Promise<readonly StoredEntry[]> {
    const rows = await this.#link.run((client) =>
      client.xrange(stream, after === '-' ? '-' : `(${after}`, '+', 'COUNT', count),
    );
    return entriesOf(rows);
  }

  /** Entries of the newest `count` records of a stream, or of what stands before stream id `before`; oldest first. */
  async newest(stream: string, count: number, before?: string): Promise<readonly StoredEntry[]> {
    const rows = await this.#link.run((client) =>
      client.xrevrange(stream, before === undefined ? '+' : `(${before}`, '-', 'COUNT', count),
    );
    return entriesOf(rows.reverse());
  }

  /** Removes entries that were exported, and what was told of dropped ones: both are in a file now. */
  async remove(stream: string, entryIds: readonly string[], droppedTold = 0): Promise<void> {
    const ids = [...new Set(entryIds)];
    for (let from = 0; from < ids.length; from += REMOVED_AT_ONCE) {
      const told = from === 0 ? droppedTold : 0;
      await this.#link.call('audit_remove', [stream], [told, ...ids.slice(from, from + REMOVED_AT_ONCE)]);
    }
  }
}

/** A record holds the entries that were written together, each in a field `e`. */
function entriesOf(rows: readonly (readonly [id: string, fields: readonly string[]])[]): readonly StoredEntry[] {
  return rows.flatMap(([id, fields]) =>
    fields.filter((_, index) => index % 2 === 1).map((text): StoredEntry => ({ id, text })),
  );
}
