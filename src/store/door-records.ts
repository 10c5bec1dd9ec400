import { doorKeys, fleetKeys, RECORD_FIELDS, siteKeys } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** A door as stored. Times in Unix milliseconds. */
export interface DoorRecord {
  readonly doorId: string;
  readonly name: string;
  readonly createdAt: number;
  readonly kid: string | undefined;
  readonly publicKey: string | undefined;
  readonly registeredAt: number | undefined;
  readonly disabled: boolean;
  readonly banned: boolean;
  readonly epoch: number;
  /** JSON of the proof's `firmware`. */
  readonly firmware: string | undefined;
  /** End of an unused enrolment token, while the door has no key. */
  readonly enrolUntil: number | undefined;
}

/** What a rollout has to know of a door. */
export interface DoorOverview {
  readonly doorId: string;
  /** JSON of the `firmware` of its last registration. */
  readonly firmware: string | undefined;
  /** Disabled, or its key banned. */
  readonly shutOut: boolean;
  /** Relay that has the socket, by the record; the relay itself may be dead. */
  readonly relay: string | undefined;
}

export type RegisterOutcome =
  'ok' | 'missing' | 'stranger' | 'disabled' | 'banned' | 'nonce' | 'busy' | 'token' | 'wrong_key';

export interface RegisterFields {
  readonly doorId: string;
  readonly nonce: string;
  readonly kid: string;
  readonly publicKey: string;
  readonly enrolmentTokenHash: string | undefined;
  /** `kid` of the key that signed a valid rotation for this registration. */
  readonly rotatedFromKid: string | undefined;
  /** The ban list has the key. */
  readonly kidBanned: boolean;
  readonly sessionHash: string;
  readonly sessionMs: number;
  readonly firmware: string;
  readonly nonceMs: number;
  readonly auditEntry: string;
}

/** Doors read at once: other work of the relay gets its turn in between. */
const OVERVIEW_BATCH = 50;

/** Fields of a record that say what the door is; it also holds its grants, its connection and its commands under way. */
const SHOWN = [
  ...(['name', 'createdAt', 'kid', 'publicKey', 'registeredAt', 'disabled', 'banned', 'epoch', 'firmware'] as const),
  'enrolUntil',
] as const;

const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

/** What a door is: enrolment, key, session, flags. Typed calls of `redis/functions/doors.lua`. */
export class DoorRecordStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async record(doorId: string): Promise<DoorRecord | undefined> {
    const values = await this.#link.run((client) => client.hmget(doorKeys(doorId).record, ...SHOWN));
    const fields = new Map(SHOWN.map((name, index) => [name, values[index] ?? undefined]));
    const text = (name: (typeof SHOWN)[number]): string | undefined => fields.get(name);
    if (text('createdAt') === undefined) return undefined;
    return {
      doorId,
      name: text('name') ?? doorId,
      createdAt: Number(text('createdAt')),
      kid: text('kid'),
      publicKey: text('publicKey'),
      registeredAt: number(text('registeredAt')),
      disabled: text('disabled') !== undefined,
      banned: text('banned') !== undefined,
      epoch: number(text('epoch')) ?? 0,
      firmware: text('firmware'),
      enrolUntil: number(text('enrolUntil')),
    };
  }

  async firmware(doorId: string): Promise<string | undefined> {
    return (await this.#link.run((client) => client.hget(doorKeys(doorId).record, 'firmware'))) ?? undefined;
  }

  /** Many doors with one small read each, all on their way at once; doors that are gone are left out. */
  async overviews(doorIds: readonly string[]): Promise<readonly DoorOverview[]> {
    const all: DoorOverview[] = [];
    for (let from = 0; from < doorIds.length; from += OVERVIEW_BATCH) {
      const batch = doorIds.slice(from, from + OVERVIEW_BATCH);
      const fields = ['createdAt', 'firmware', 'disabled', 'banned', 'node'] as const;
      const rows = await this.#link.run((client) =>
        Promise.all(batch.map((doorId) => client.hmget(doorKeys(doorId).record, ...fields))),
      );
      rows.forEach(([createdAt, firmware, disabled, banned, relay], index) => {
        if (typeof createdAt === 'string')
          all.push({
            doorId: batch[index] ?? '',
            firmware: firmware ?? undefined,
            shutOut: typeof disabled === 'string' || typeof banned === 'string',
            relay: relay ?? undefined,
          });
      });
    }
    return all;
  }

  async doorIds(): Promise<readonly string[]> {
    return (await this.#link.run((client) => client.smembers(fleetKeys.doors))).sort();
  }

  async add(
    doorId: string,
    fields: { name: string; tokenHash: string; tokenUntil: number; kid: string | undefined; auditEntry: string },
  ): Promise<'ok' | 'exists'> {
    const keys = doorKeys(doorId);
    // The index comes first: a door that is in no list could not be found again.
    await this.#link.run((client) => client.sadd(fleetKeys.doors, doorId));
    const { name, tokenHash, tokenUntil, kid = '', auditEntry } = fields;
    const args = [name, tokenHash, tokenUntil, kid, auditEntry];
    return (await this.#link.call('door_add', [keys.record, keys.audit], args)) as 'ok' | 'exists';
  }

  async reset(
    doorId: string,
    fields: { tokenHash: string; tokenUntil: number; kid: string | undefined; auditEntry: string },
  ): Promise<'ok' | 'missing'> {
    const keys = doorKeys(doorId);
    const args = [fields.tokenHash, fields.tokenUntil, fields.kid ?? '', fields.auditEntry];
    return (await this.#link.call('door_reset', [keys.record, keys.audit], args)) as 'ok' | 'missing';
  }

  /** Sets or clears a flag; with `kid` only while the door has that key. */
  async setFlag(
    doorId: string,
    flag: 'disabled' | 'banned',
    on: boolean,
    auditEntry: string,
    kid = '',
  ): Promise<'ok' | 'missing' | 'other_key'> {
    const keys = doorKeys(doorId);
    return (await this.#link.call('door_set', [keys.record, keys.audit], [flag, on ? '1' : '', auditEntry, kid])) as
      'ok' | 'missing' | 'other_key';
  }

  async remove(doorId: string, auditEntry: string): Promise<'ok' | 'missing'> {
    const keys = doorKeys(doorId);
    const fields = await this.#link.run((client) => client.hkeys(keys.record));
    const all = [keys.record, keys.state, keys.audit];
    const outcome = (await this.#link.call('door_remove', all, [auditEntry])) as 'ok' | 'missing';
    const grants = fields.filter((field) => field.startsWith(RECORD_FIELDS.grant));
    const sites = grants.map((field) => field.slice(RECORD_FIELDS.grant.length));
    for (const siteId of sites) await this.#link.run((client) => client.srem(siteKeys(siteId).doors, doorId));
    return outcome;
  }

  async register(fields: RegisterFields): Promise<RegisterOutcome> {
    const keys = doorKeys(fields.doorId);
    return (await this.#link.call(
      'door_register',
      [keys.record, keys.nonces, keys.audit],
      [
        fields.kid,
        fields.publicKey,
        fields.enrolmentTokenHash ?? '',
        fields.rotatedFromKid ?? '',
        fields.kidBanned ? '1' : '',
        fields.sessionHash,
        fields.sessionMs,
        fields.firmware,
        fields.nonce,
        fields.nonceMs,
        fields.auditEntry,
      ],
    )) as RegisterOutcome;
  }

  /** State of a door session, for the checks before an upgrade is accepted (protocol 4.6). */
  async session(
    doorId: string,
  ): Promise<{ hash: string | undefined; until: number; disabled: boolean; banned: boolean }> {
    const [hash, until, disabled, banned] = await this.#link.run((client) =>
      client.hmget(doorKeys(doorId).record, 'sessionHash', 'sessionUntil', 'disabled', 'banned'),
    );
    return {
      hash: hash ?? undefined,
      until: Number(until ?? '0'),
      disabled: disabled !== null,
      banned: banned !== null,
    };
  }
}
