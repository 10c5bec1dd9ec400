import type { Clock } from '../clock.js';
import type { Caller } from '../principal.js';
import { ROLES, type Role } from '../protocol/api.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { DoorStore, Grant } from '../store/door-store.js';

/** Role of a caller who needs no grant, at every door there is: the machine's own operator (protocol 11.2). */
export function ownRole(caller: Caller): Role | undefined {
  return caller.kind === 'operator' ? 'manager' : undefined;
}

/** Who may see a door, and as what (protocol 7.6). */
export class DoorAccess {
  readonly #store: DoorStore;
  readonly #clock: Clock;

  constructor(store: DoorStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Doors a caller may have a role at; `roleOf` says which. */
  doorsOf(caller: Caller): Promise<readonly string[]> {
    return caller.kind === 'site' ? this.#store.doorIdsOfSite(caller.siteId) : this.#store.doorIds();
  }

  /** Role of a caller at a door. A door it may not see, or no longer, throws `door_not_found` like one that does not exist. */
  async roleOf(caller: Caller, doorId: string): Promise<Role> {
    const role = DOOR_ID.test(doorId) ? await this.#role(caller, doorId) : undefined;
    if (role === undefined)
      throw new OpenLockError('door_not_found', 'There is no such door, or this site may not see it.');
    return role;
  }

  async #role(caller: Caller, doorId: string): Promise<Role | undefined> {
    if (caller.kind === 'operator')
      return (await this.#store.record(doorId)) === undefined ? undefined : ownRole(caller);
    const grant = await this.#store.grant(doorId, caller.siteId);
    return grant === undefined ? undefined : this.inForce(grant);
  }

  /** The grant's role while its dates allow it. */
  inForce(grant: Grant): Role | undefined {
    const now = this.#clock.now();
    if (grant.notBefore !== undefined && now < grant.notBefore) return undefined;
    if (grant.notAfter !== undefined && now >= grant.notAfter) return undefined;
    return ROLES.find((role) => role === grant.role);
  }
}
