/**
 * Store layout 1, as releases up to 0.1 and the ones after it kept doors: names only, for moving them to the present layout
 * (migration.ts). Frozen: what was written is not going to change.
 */

import type { RedisLink } from '../redis-link.js';

/** What a move needs of a link. */
export type StoreAccess = Pick<RedisLink, 'call' | 'run'>;

/** Keys of one door, all under its own hash tag. */
export const layout1DoorKeys = (doorId: string) => {
  const tag = `ol:{door:${doorId}}`;
  return {
    record: `${tag}:record`,
    /** The record once its move has begun: to an older program the door is gone. */
    taken: `${tag}:record-taken`,
    grants: `${tag}:grants`,
    live: `${tag}:live`,
    state: `${tag}:state`,
    nonces: `${tag}:nonces`,
    underWay: `${tag}:under-way`,
    audit: `${tag}:audit`,
    auditTraffic: `${tag}:audit-traffic`,
    auditFold: `${tag}:audit-fold`,
    /** Of 0.1 only: ids and deadlines, without anything that is not in the commands too. */
    inFlight: `${tag}:in-flight`,
    cooldown: (siteId: string) => `${tag}:cooldown:${siteId}`,
    command: (commandId: string) => `${tag}:command:${commandId}`,
    jwe: (commandId: string) => `${tag}:jwe:${commandId}`,
    receipt: (commandId: string) => `${tag}:receipt:${commandId}`,
  } as const;
};

/** Keys of the fleet that have another name now; a string in their place stops an older program. */
export const layout1FleetKeys = {
  /** Relays scored by the end of their lease. */
  nodes: 'ol:nodes',
  /** Index of door ids. */
  doors: 'ol:doors',
} as const;
