/** What operators do to door keys (protocol 4, 11.2): a ban holds wherever the key turns up. */
import type { Acting, AuditFields, AuditKind } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Clock } from '../clock.js';
import { kidSchema } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { KeyBanStore } from '../store/key-bans.js';
import { fleetKeys } from '../store/keys.js';
import type { RelayMail } from '../store/relay-mail.js';

export interface KeyAdminDependencies {
  readonly bans: KeyBanStore;
  readonly records: Pick<DoorRecordStore, 'setFlag'>;
  readonly mail: Pick<RelayMail, 'toFleet'>;
  readonly audit: Pick<AuditTrail, 'entry' | 'write'>;
  readonly clock: Clock;
  /** In whose name it is done. */
  readonly by: Acting;
}

export class KeyAdmin {
  readonly #deps: KeyAdminDependencies;

  constructor(dependencies: KeyAdminDependencies) {
    this.#deps = dependencies;
  }

  /** Bans a key everywhere, at once; returns the doors that have it. Throws `invalid_request`. */
  async ban(kid: string): Promise<readonly string[]> {
    checkKid(kid);
    const { bans, records, mail, clock } = this.#deps;
    await this.#record('key_banned', kid);
    // List first, doors second: a registration in between reads the list again after it is bound.
    await bans.setBan(kid, clock.now());
    const doors: string[] = [];
    for (const doorId of await bans.doorsWithKid(kid)) {
      const entry = this.#deps.audit.entry(this.#fields('key_banned', kid, doorId));
      if ((await records.setFlag(doorId, 'banned', true, entry, kid)) !== 'ok') continue;
      doors.push(doorId);
      await mail.toFleet({ t: 'door_changed', door: doorId, change: 'banned' });
    }
    return doors;
  }

  /** Lifts a ban; returns the doors that have the key. Throws `key_not_found` (not banned), `invalid_request`. */
  async unban(kid: string): Promise<readonly string[]> {
    checkKid(kid);
    const { bans, records, audit } = this.#deps;
    if (!(await bans.isBanned(kid))) throw new OpenLockError('key_not_found', `Key "${kid}" is not banned.`);
    await this.#record('key_unbanned', kid);
    await bans.clearBan(kid);
    const doors: string[] = [];
    for (const doorId of await bans.doorsWithKid(kid)) {
      const entry = audit.entry(this.#fields('key_unbanned', kid, doorId));
      if ((await records.setFlag(doorId, 'banned', false, entry, kid)) === 'ok') doors.push(doorId);
    }
    return doors;
  }

  /**
   * The act itself, whether or not a door has the key. List and trail are of no common hash tag, so no one function can write
   * both: the entry comes first, since what cannot be recorded is not done (protocol 10.2).
   */
  #record(kind: AuditKind, kid: string): Promise<void> {
    return this.#deps.audit.write(fleetKeys.audit, this.#fields(kind, kid));
  }

  #fields(kind: AuditKind, kid: string, door?: string): AuditFields {
    return { kind, ...this.#deps.by, target: `key:${kid}`, ...(door !== undefined && { door }), code: kid };
  }
}

/** Throws `invalid_request` for what is no key id; `undefined` is any key. */
export function checkKid(kid: string | undefined): void {
  if (kid !== undefined && !kidSchema.safeParse(kid).success)
    throw new OpenLockError('invalid_request', 'A key id is the base64url SHA-256 thumbprint of a key: 43 characters.');
}
