import type { Clock } from '../clock.js';
import type { Caller } from '../principal.js';
import { ROLES, type Role } from '../protocol/api.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { DoorGrantStore, Grant } from '../store/door-grants.js';
import type { DoorRecordStore } from '../store/door-records.js';

export interface DoorAccessDependencies {
  readonly records: Pick<DoorRecordStore, 'record' | 'doorIds'>;
  readonly grants: Pick<DoorGrantStore, 'grant' | 'doorIdsOfSite'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Role of a caller who needs no grant, at every door there is: the machine's own operator (protocol 11.2). */
export function ownRole(caller: Caller): Role | undefined {
  return caller.kind === 'operator' ? 'manager' : undefined;
}

/** Who may see a door, and as what (protocol 7.6). */
export class DoorAccess {
  readonly #deps: DoorAccessDependencies;

  constructor(dependencies: DoorAccessDependencies) {
    this.#deps = dependencies;
  }

  /** Doors a caller may have a role at; `roleOf` says which. */
  doorsOf(caller: Caller): Promise<readonly string[]> {
    const { grants, records } = this.#deps;
    return caller.kind === 'site' ? grants.doorIdsOfSite(caller.siteId) : records.doorIds();
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
      return (await this.#deps.records.record(doorId)) === undefined ? undefined : ownRole(caller);
    const grant = await this.#deps.grants.grant(doorId, caller.siteId);
    return grant === undefined ? undefined : this.inForce(grant);
  }

  /** The grant's role while its dates allow it. */
  inForce(grant: Grant): Role | undefined {
    const now = this.#deps.clock.now();
    if (grant.notBefore !== undefined && now < grant.notBefore) return undefined;
    if (grant.notAfter !== undefined && now >= grant.notAfter) return undefined;
    return ROLES.find((role) => role === grant.role);
  }
}
