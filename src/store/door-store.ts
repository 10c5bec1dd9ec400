import { channels, doorKeys, fleetKeys, siteKeys } from './keys.js';
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

/** Where a door is connected, and what it last said. */
export interface DoorPresence {
  /** Relay that has the socket, by the record; the relay itself may be dead. */
  readonly node: string | undefined;
  readonly conn: string | undefined;
  readonly lastSeen: number | undefined;
  readonly state: string | undefined;
  readonly stateAt: number | undefined;
}

/** A grant: `notBefore`, `notAfter` in Unix milliseconds (protocol 7.6). */
export interface Grant {
  readonly role: string;
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
}

/** What a rollout has to know of a door. */
export interface DoorOverview {
  readonly doorId: string;
  /** JSON of the `firmware` of its last registration. */
  readonly firmware: string | undefined;
  /** Disabled, or its key banned. */
  readonly shutOut: boolean;
  /** Relay that has the socket, by the record; the relay itself may be dead. */
  readonly node: string | undefined;
}

export type AttachResult =
  | {
      readonly outcome: 'ok';
      readonly epoch: number;
      readonly replacedNode: string | undefined;
      readonly replacedConn: string | undefined;
      readonly recordedEpoch: number;
      readonly sourcesTakeTurns: boolean;
    }
  /** `epoch`: the door claims one too far above the record (protocol 5.1). */
  | { readonly outcome: 'session' | 'disabled' | 'epoch' };

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

export interface AttachFields {
  readonly doorId: string;
  readonly sessionHash: string;
  readonly node: string;
  readonly conn: string;
  readonly doorEpoch: number;
  readonly address: string;
  readonly auditEntry: string;
}

/** Doors read at once: other work of the relay gets its turn in between. */
const OVERVIEW_BATCH = 50;

const number = (text: string | null | undefined): number | undefined =>
  text === null || text === undefined || text === '' ? undefined : Number(text);

/** Typed calls of `redis/functions/doors.lua`, and reads of a door's keys. */
export class DoorStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async record(doorId: string): Promise<DoorRecord | undefined> {
    const fields = await this.#link.run((client) => client.hgetall(doorKeys(doorId).record));
    if (fields['createdAt'] === undefined) return undefined;
    return {
      doorId,
      name: fields['name'] ?? doorId,
      createdAt: Number(fields['createdAt']),
      kid: fields['kid'],
      publicKey: fields['publicKey'],
      registeredAt: number(fields['registeredAt']),
      disabled: fields['disabled'] !== undefined,
      banned: fields['banned'] !== undefined,
      epoch: number(fields['epoch']) ?? 0,
      firmware: fields['firmware'],
      enrolUntil: number(fields['enrolUntil']),
    };
  }

  async presence(doorId: string): Promise<DoorPresence> {
    const keys = doorKeys(doorId);
    const [live, state] = await this.#link.run((client) =>
      Promise.all([client.hmget(keys.live, 'node', 'conn'), client.hmget(keys.state, 'lastSeen', 'state', 'at')]),
    );
    return {
      node: live[0] ?? undefined,
      conn: live[1] ?? undefined,
      lastSeen: number(state[0]),
      state: state[1] ?? undefined,
      stateAt: number(state[2]),
    };
  }

  async firmware(doorId: string): Promise<string | undefined> {
    return (await this.#link.run((client) => client.hget(doorKeys(doorId).record, 'firmware'))) ?? undefined;
  }

  /** Many doors with two small reads each, all on their way at once; doors that are gone are left out. */
  async overviews(doorIds: readonly string[]): Promise<readonly DoorOverview[]> {
    const all: DoorOverview[] = [];
    for (let from = 0; from < doorIds.length; from += OVERVIEW_BATCH) {
      const batch = doorIds.slice(from, from + OVERVIEW_BATCH);
      const rows = await this.#link.run((client) =>
        Promise.all(
          batch.map(async (doorId) =>
            Promise.all([
              client.hmget(doorKeys(doorId).record, 'createdAt', 'firmware', 'disabled', 'banned'),
              client.hget(doorKeys(doorId).live, 'node'),
            ]),
          ),
        ),
      );
      rows.forEach(([record, node], index) => {
        const [createdAt, firmware, disabled, banned] = record;
        if (typeof createdAt === 'string')
          all.push({
            doorId: batch[index] ?? '',
            firmware: firmware ?? undefined,
            shutOut: typeof disabled === 'string' || typeof banned === 'string',
            node: node ?? undefined,
          });
      });
    }
    return all;
  }

  async grant(doorId: string, siteId: string): Promise<Grant | undefined> {
    const text = await this.#link.run((client) => client.hget(doorKeys(doorId).grants, siteId));
    return text === null ? undefined : parseGrant(text);
  }

  async grants(doorId: string): Promise<ReadonlyMap<string, Grant>> {
    const all = await this.#link.run((client) => client.hgetall(doorKeys(doorId).grants));
    return new Map(Object.entries(all).map(([siteId, text]) => [siteId, parseGrant(text)]));
  }

  async doorIds(): Promise<readonly string[]> {
    return (await this.#link.run((client) => client.smembers(fleetKeys.doors))).sort();
  }

  /** Doors a site may have a grant for: an index, to be checked against the grant itself. */
  async doorIdsOfSite(siteId: string): Promise<readonly string[]> {
    return (await this.#link.run((client) => client.smembers(siteKeys(siteId).doors))).sort();
  }

  async add(
    doorId: string,
    fields: { name: string; tokenHash: string; tokenUntil: number; kid: string | undefined; auditEntry: string },
  ): Promise<'ok' | 'exists'> {
    const keys = doorKeys(doorId);
    // The index comes first: a door that is in no list could not be found again.
    await this.#link.run((client) => client.sadd(fleetKeys.doors, doorId));
    return (await this.#link.call(
      'door_add',
      [keys.record, keys.audit],
      [fields.name, fields.tokenHash, fields.tokenUntil, fields.kid ?? '', fields.auditEntry],
    )) as 'ok' | 'exists';
  }

  async reset(
    doorId: string,
    fields: { tokenHash: string; tokenUntil: number; kid: string | undefined; auditEntry: string },
  ): Promise<'ok' | 'missing'> {
    const keys = doorKeys(doorId);
    return (await this.#link.call(
      'door_reset',
      [keys.record, keys.live, keys.audit],
      [fields.tokenHash, fields.tokenUntil, fields.kid ?? '', fields.auditEntry],
    )) as 'ok' | 'missing';
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
    const sites = [...(await this.grants(doorId)).keys()];
    const outcome = (await this.#link.call(
      'door_remove',
      [keys.record, keys.grants, keys.live, keys.state, keys.audit],
      [auditEntry],
    )) as 'ok' | 'missing';
    for (const siteId of sites) await this.#link.run((client) => client.srem(siteKeys(siteId).doors, doorId));
    return outcome;
  }

  async setGrant(doorId: string, siteId: string, grant: Grant, auditEntry: string): Promise<'ok' | 'missing'> {
    const keys = doorKeys(doorId);
    // Index first, grant second: the index alone gives no access, and a grant without it could not be listed.
    await this.#link.run((client) => client.sadd(siteKeys(siteId).doors, doorId));
    return (await this.#link.call(
      'door_grant',
      [keys.record, keys.grants, keys.audit],
      [siteId, formatGrant(grant), auditEntry],
    )) as 'ok' | 'missing';
  }

  async removeGrant(doorId: string, siteId: string, auditEntry: string): Promise<'ok' | 'missing' | 'no_grant'> {
    const keys = doorKeys(doorId);
    const outcome = (await this.#link.call(
      'door_grant',
      [keys.record, keys.grants, keys.audit],
      [siteId, '', auditEntry],
    )) as 'ok' | 'missing' | 'no_grant';
    await this.#link.run((client) => client.srem(siteKeys(siteId).doors, doorId));
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

  async attach(fields: AttachFields): Promise<AttachResult> {
    const keys = doorKeys(fields.doorId);
    const [outcome, epoch, node, conn, recorded, turns] = (await this.#link.call(
      'door_attach',
      [keys.record, keys.live, keys.state, keys.auditTraffic],
      [
        fields.sessionHash,
        fields.node,
        fields.conn,
        fields.doorEpoch,
        fields.address,
        channels.door(fields.doorId),
        channels.node(''),
        fields.auditEntry,
      ],
    )) as ['ok' | 'session' | 'disabled' | 'epoch', string, string, string, string, number];
    if (outcome !== 'ok') return { outcome };
    return {
      outcome,
      epoch: Number(epoch),
      replacedNode: node === '' ? undefined : node,
      replacedConn: conn === '' ? undefined : conn,
      recordedEpoch: Number(recorded),
      sourcesTakeTurns: turns === 1,
    };
  }

  async reassert(doorId: string, node: string, conn: string, epoch: number): Promise<'ok' | 'superseded' | 'missing'> {
    const keys = doorKeys(doorId);
    return (await this.#link.call(
      'door_reassert',
      [keys.record, keys.live],
      [node, conn, epoch, channels.door(doorId)],
    )) as 'ok' | 'superseded' | 'missing';
  }

  /** Takes presence away if `conn` still has it; true when it had. */
  async detach(doorId: string, conn: string, auditEntry: string): Promise<boolean> {
    const keys = doorKeys(doorId);
    return (
      (await this.#link.call(
        'door_detach',
        [keys.live, keys.state, keys.auditTraffic],
        ['conn', conn, channels.door(doorId), auditEntry],
      )) === 1
    );
  }

  /** Records an event and tells subscribers; `frame` is the client frame without `door`. */
  async event(doorId: string, frame: string, auditEntry: string): Promise<void> {
    const keys = doorKeys(doorId);
    await this.#link.call(
      'door_event',
      [keys.auditTraffic, keys.auditFold],
      [doorId, channels.door(doorId), frame, auditEntry],
    );
  }

  async saveState(doorId: string, state: string, at: number, frame: string): Promise<void> {
    await this.#link.call('door_state', [doorKeys(doorId).state], [state, at, channels.door(doorId), frame]);
  }

  // --- key bans (protocol 4, 11.2): a fleet-wide list, mirrored as a flag on the doors that have the key

  async isBanned(kid: string): Promise<boolean> {
    return (await this.#link.run((client) => client.hexists(fleetKeys.bans, kid))) === 1;
  }

  async setBan(kid: string, at: number): Promise<void> {
    await this.#link.run((client) => client.hset(fleetKeys.bans, kid, at));
  }

  async clearBan(kid: string): Promise<boolean> {
    return (await this.#link.run((client) => client.hdel(fleetKeys.bans, kid))) === 1;
  }

  async bans(): Promise<readonly string[]> {
    return this.#link.run((client) => client.hkeys(fleetKeys.bans));
  }

  async rememberKid(kid: string, doorId: string): Promise<void> {
    await this.#link.run((client) => client.sadd(fleetKeys.kidDoors(kid), doorId));
  }

  async doorsWithKid(kid: string): Promise<readonly string[]> {
    return this.#link.run((client) => client.smembers(fleetKeys.kidDoors(kid)));
  }

  /** Tells every relay (protocol 3.4: at once on every relay). */
  async tellFleet(message: object): Promise<void> {
    await this.#link.publish(channels.fleet, JSON.stringify(message));
  }
}

function parseGrant(text: string): Grant {
  const [role = '', notBefore, notAfter] = text.split('|');
  return { role, notBefore: number(notBefore), notAfter: number(notAfter) };
}

function formatGrant(grant: Grant): string {
  return `${grant.role}|${grant.notBefore ?? ''}|${grant.notAfter ?? ''}`;
}
