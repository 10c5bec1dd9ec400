/**
 * Everything one operator sees and does: the command line's functions, and any other way in calls the same ones. Whoever
 * opens a desk says who acts; every act's entry in the trail has that name (protocol 13.7).
 */
import type { Acting } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Clock, Random } from '../clock.js';
import type { SiteService } from '../sites/site-service.js';
import type { AuditStore } from '../store/audit-store.js';
import type { DoorStore } from '../store/door-store.js';
import type { FirmwareStore } from '../store/firmware-store.js';
import type { NodeStore } from '../store/node-store.js';
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
  readonly doors: DoorStore;
  readonly nodes: Pick<NodeStore, 'live'>;
  readonly firmware: FirmwareStore;
  readonly rollouts: RolloutStore;
  readonly auditStore: AuditStore;
  readonly sites: SiteService;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
}

export function openDesk(parts: DeskParts, by: Acting): OperatorDesk {
  const { nodes, audit, clock, random, auditStore, sites } = parts;
  const acting = { audit, clock, random, by };
  const findSites = async (name: string): Promise<readonly string[]> =>
    (await sites.find(name)).map(({ siteId }) => siteId);
  const releases = new ReleaseService({ store: parts.firmware, ...acting });
  return {
    doors: new DoorAdmin({ store: parts.doors, nodes, findSites, ...acting }),
    keys: new KeyAdmin({ store: parts.doors, ...acting }),
    sites: new SiteAdmin({ sites, by }),
    releases: new ReleaseAdmin({ service: releases, clock }),
    rollouts: new RolloutAdmin({ store: parts.rollouts, doors: parts.doors, nodes, releases, ...acting }),
    trail: {
      read: (query) => readTrail(auditStore, query),
      drain: (write) => drainTrail(auditStore, write),
    },
  };
}
