import { doorKeys, RECORD_FIELDS, siteKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** A grant: `notBefore`, `notAfter` in Unix milliseconds (protocol 7.6). */
export interface Grant {
  readonly role: string;
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
}

/** Who may use a door (protocol 7.6). */
export class DoorGrantStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async grant(doorId: string, siteId: string): Promise<Grant | undefined> {
    const text = await this.#link.run((client) =>
      client.hget(doorKeys(doorId).record, `${RECORD_FIELDS.grant}${siteId}`),
    );
    return text === null ? undefined : parseGrant(text);
  }

  async grants(doorId: string): Promise<ReadonlyMap<string, Grant>> {
    const record = await this.#link.run((client) => client.hgetall(doorKeys(doorId).record));
    return new Map(
      Object.entries(record)
        .filter(([field]) => field.startsWith(RECORD_FIELDS.grant))
        .map(([field, text]) => [field.slice(RECORD_FIELDS.grant.length), parseGrant(text)]),
    );
  }

  /** Doors a site may have a grant for: an index, to be checked against the grant itself. */
  async doorIdsOfSite(siteId: string): Promise<readonly string[]> {
    return (await this.#link.run((client) => client.smembers(siteKeys(siteId).doors))).sort();
  }

  async setGrant(doorId: string, siteId: string, grant: Grant, auditEntry: string): Promise<'ok' | 'missing'> {
    const keys = doorKeys(doorId);
    // Index first, grant second: the index alone gives no access, and a grant without it could not be listed.
    await this.#link.run((client) => client.sadd(siteKeys(siteId).doors, doorId));
    const args = [siteId, formatGrant(grant), auditEntry];
    return (await this.#link.call('door_grant', [keys.record, keys.audit], args)) as 'ok' | 'missing';
  }

  async removeGrant(doorId: string, siteId: string, auditEntry: string): Promise<'ok' | 'missing' | 'no_grant'> {
    const keys = doorKeys(doorId);
    const outcome = await this.#link.call('door_grant', [keys.record, keys.audit], [siteId, '', auditEntry]);
    await this.#link.run((client) => client.srem(siteKeys(siteId).doors, doorId));
    return outcome as 'ok' | 'missing' | 'no_grant';
  }
}

function parseGrant(text: string): Grant {
  const [role = '', notBefore, notAfter] = text.split('|');
  return { role, notBefore: number(notBefore), notAfter: number(notAfter) };
}

/** An open end is an empty part. */
const number = (text: string | undefined): number | undefined =>
  text === undefined || text === '' ? undefined : Number(text);

function formatGrant(grant: Grant): string {
  return `${grant.role}|${grant.notBefore ?? ''}|${grant.notAfter ?? ''}`;
}
