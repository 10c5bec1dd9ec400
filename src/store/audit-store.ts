import { doorKeys, firmwareKeys, fleetKeys, operatorKeys, siteKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

const FOLDS_PER_MINUTE = 2000;
const FOLD_TTL_SECONDS = 7 * 24 * 3600;
const STREAM_MAX = 100_000;

/** One stored entry and its stream id, for paging and export. */
export interface StoredEntry {
  readonly id: string;
  /** The entry as JSON text (see src/audit/entry.ts). */
  readonly text: string;
}

/** The audit streams (protocol 10): one per door, one per site, one for releases and rollouts, one for the operator's sessions, one for the rest, and the folds of refusals. */
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
        [fleetKeys.auditFold(Number(old)), fleetKeys.auditFolds, fleetKeys.audit],
        [old, STREAM_MAX],
      );
    }
  }

  /** Folds of minutes that are still open: entry JSON with its count. */
  async openFolds(): Promise<readonly string[]> {
    const minutes = await this.#link.run((client) => client.zrange(fleetKeys.auditFolds, 0, -1));
    const entries: string[] = [];
    for (const minute of minutes) {
      const counts = await this.#link.run((client) => client.hgetall(fleetKeys.auditFold(Number(minute))));
      for (const [field, count] of Object.entries(counts)) entries.push(`${field.slice(0, -1)},"count":${count}}`);
    }
    return entries;
  }

  /** Every stream that exists or may exist: fleet, firmware, operator, then doors, then sites. */
  async streams(): Promise<readonly string[]> {
    const [doors, sites] = await this.#link.run((client) =>
      Promise.all([client.smembers(fleetKeys.doors), client.smembers(fleetKeys.sites)]),
    );
    return [
      fleetKeys.audit,
      firmwareKeys.audit,
      operatorKeys.audit,
      ...doors.sort().map((id) => doorKeys(id).audit),
      ...sites.sort().map((id) => siteKeys(id).audit),
    ];
  }

  /** Appends one entry of its own where no function carries it. */
  async append(stream: string, text: string): Promise<void> {
    await this.#link.run((client) => client.xadd(stream, 'MAXLEN', '~', STREAM_MAX, '*', 'e', text));
  }

  /** Entries after stream id `after` (exclusive; '-' from the start), oldest first. */
  async read(stream: string, after: string, count: number): Promise<readonly StoredEntry[]> {
    const rows = await this.#link.run((client) =>
      client.xrange(stream, after === '-' ? '-' : `(${after}`, '+', 'COUNT', count),
    );
    return rows.map(([id, fields]) => ({ id, text: fields[1] ?? '{}' }));
  }

  /** The newest `count` entries of a stream, or of what stands before stream id `before`; oldest first. */
  async newest(stream: string, count: number, before?: string): Promise<readonly StoredEntry[]> {
    const rows = await this.#link.run((client) =>
      client.xrevrange(stream, before === undefined ? '+' : `(${before}`, '-', 'COUNT', count),
    );
    return rows.reverse().map(([id, fields]) => ({ id, text: fields[1] ?? '{}' }));
  }

  /** Removes entries that were exported. */
  async remove(stream: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#link.run((client) => client.xdel(stream, ...ids));
  }
}
