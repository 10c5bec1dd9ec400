import type { Clock } from '../clock.js';
import { ROLES, type Role } from '../protocol/api.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import { OPERATOR_SITE_ID } from '../sites/operator.js';
import type { DoorGrantStore, Grant } from '../store/door-grants.js';
import type { DoorRecordStore } from '../store/door-records.js';

export interface DoorAccessDependencies {
  readonly records: Pick<DoorRecordStore, 'record'>;
  readonly grants: Pick<DoorGrantStore, 'grant'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Who may see a door, and as what (protocol 7.6). */
export class DoorAccess {
  readonly #deps: DoorAccessDependencies;

  constructor(dependencies: DoorAccessDependencies) {
    this.#deps = dependencies;
  }

  /** Role of a site at a door. A door it may not see, or no longer, throws `door_not_found` like one that does not exist. */
  async roleOf(siteId: string, doorId: string): Promise<Role> {
    const role = DOOR_ID.test(doorId) ? await this.#role(siteId, doorId) : undefined;
    if (role === undefined)
      throw new OpenLockError('door_not_found', 'There is no such door, or this site may not see it.');
    return role;
  }

  async #role(siteId: string, doorId: string): Promise<Role | undefined> {
    if (siteId === OPERATOR_SITE_ID)
      return (await this.#deps.records.record(doorId)) === undefined ? undefined : 'manager';
    const grant = await this.#deps.grants.grant(doorId, siteId);
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
