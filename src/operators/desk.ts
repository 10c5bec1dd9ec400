/**
 * Everything one operator sees and does: the command line's functions, and any other way in calls the same ones. Whoever
 * opens a desk says who acts; every act's entry in the trail has that name (protocol 10.1).
 */
import type { Acting } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Clock, Random } from '../clock.js';
import type { SiteService } from '../sites/site-service.js';
import type { AuditStore } from '../store/audit-store.js';
import type { DoorGrantStore } from '../store/door-grants.js';
import type { DoorPresenceStore } from '../store/door-presence.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { FirmwareStore } from '../store/firmware-store.js';
import type { KeyBanStore } from '../store/key-bans.js';
import type { RelayMail } from '../store/relay-mail.js';
import type { RelayStore } from '../store/relay-store.js';
import type { RolloutStore } from '../store/rollout-store.js';
import { ReleaseService } from '../updates/release-service.js';
import { DoorAdmin } from './doors.js';
import { KeyAdmin } from './keys.js';
import { ReleaseAdmin } from './releases.js';
import { RolloutAdmin } from './rollouts.js';
import { SiteAdmin } from './sites.js';
import { drainTrail, readTrail, type TrailEntry, type TrailQuery } from './trail.js';

export interface OperatorDesk {
  readonly doors: DoorAdmin;
  readonly keys: KeyAdmin;
  readonly sites: SiteAdmin;
  readonly releases: ReleaseAdmin;
  readonly rollouts: RolloutAdmin;
  readonly trail: {
    read(query: TrailQuery): Promise<readonly TrailEntry[]>;
    /** See `drainTrail`. */
    drain(write: (lines: string) => Promise<void>): Promise<number>;
  };
}

/** What a desk stands on; shared by all desks of a process. */
export interface DeskParts {
  readonly stores: {
    readonly audit: AuditStore;
    readonly bans: KeyBanStore;
    readonly firmware: FirmwareStore;
    readonly grants: DoorGrantStore;
    readonly mail: RelayMail;
    readonly presence: DoorPresenceStore;
    readonly records: DoorRecordStore;
    readonly relays: RelayStore;
    readonly rollouts: RolloutStore;
  };
  readonly sites: SiteService;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
}

export function openDesk({ stores, sites, audit, clock, random }: DeskParts, by: Acting): OperatorDesk {
  const acting = { ...stores, audit, clock, random, by };
  const findSites = async (name: string): Promise<readonly string[]> =>
    (await sites.find(name)).map(({ siteId }) => siteId);
  const releases = new ReleaseService({ ...acting, store: stores.firmware });
  return {
    doors: new DoorAdmin({ ...acting, findSites }),
    keys: new KeyAdmin(acting),
    sites: new SiteAdmin({ sites, by }),
    releases: new ReleaseAdmin({ service: releases, clock }),
    rollouts: new RolloutAdmin({ ...acting, store: stores.rollouts, doors: stores.records, releases }),
    trail: {
      read: (query) => readTrail(stores.audit, query),
      drain: (write) => drainTrail(stores.audit, write),
    },
  };
}
