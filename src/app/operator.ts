/**
 * What the machine's operator works with (protocol 11.2): the same parts as the relay's, without sockets, on the same
 * store, whether a relay runs or not. The second composition root, next to app.ts; a command opens it, acts, and closes it.
 */
import { pino } from 'pino';

import { systemClock as clock, systemRandom as random } from '../clock.js';
import { AuditTrail } from '../audit/trail.js';
import type { Config } from '../config.js';
import { DoorAdmin } from '../doors/door-admin.js';
import { OperatorSessions } from '../operators/operator-sessions.js';
import { ReleaseService } from '../updates/release-service.js';
import { RolloutService } from '../updates/rollout-service.js';
import type { SiteService } from '../sites/site-service.js';
import type { AuditStore } from '../store/audit-store.js';
import type { RelayStore } from '../store/relay-store.js';
import type { Release } from './ambient.js';
import { makeSites } from './sites.js';
import { openStore, storesOn } from './store.js';

export interface Operator {
  readonly doors: DoorAdmin;
  readonly sites: SiteService;
  readonly sessions: OperatorSessions;
  readonly releases: ReleaseService;
  readonly rollouts: RolloutService;
  readonly relays: RelayStore;
  readonly auditStore: AuditStore;
  /** Flushes what is unwritten, disconnects, and lets a redis-server go that was started for this. */
  close(): Promise<void>;
}

/** Commands wait longer than a relay may: nobody else is held up. */
const COMMAND_TIMEOUT_MS = 5000;

/** Opens the store of `config`, starting its private redis-server when no relay has. Throws `store_unavailable`, ConfigError. */
export async function openOperator(config: Config): Promise<Operator> {
  const steps: Release[] = [];
  const onRelease = (step: Release): void => void steps.push(step);
  const ambient = { config, clock, random, log: pino({ level: 'silent' }), onRelease };
  const close = async (): Promise<void> => {
    for (const step of steps.reverse().splice(0)) await step();
  };
  try {
    const stores = storesOn(await openStore(ambient, { clientName: 'cli', commandTimeoutMs: COMMAND_TIMEOUT_MS }));
    const audit = new AuditTrail({ store: stores.audit, clock, node: 'cli', onError: () => undefined });
    onRelease(() => audit.flush());
    const { sites, tokens } = await makeSites({
      ...ambient,
      store: stores.sites,
      audit,
      origins: { issuers: config.publicUrls, alsoIssuer: () => false },
      onMailFailure: () => undefined,
      extraSiteCa: [],
    });
    const sessions = new OperatorSessions({ store: stores.operators, tokens, audit, random });
    const findSites = async (name: string): Promise<readonly string[]> =>
      (await sites.find(name)).map(({ siteId }) => siteId);
    const doors = new DoorAdmin({ ...stores, audit, clock, random, findSites });
    const releases = new ReleaseService({ store: stores.firmware, audit, clock, random });
    const { rollouts: store, records, relays } = stores;
    const rollouts = new RolloutService({ store, doors: records, relays, releases, audit, clock, random });
    return { doors, sites, sessions, releases, rollouts, relays, auditStore: stores.audit, close };
  } catch (error) {
    await close();
    throw error;
  }
}
