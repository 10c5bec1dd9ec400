import type { Metrics } from '../metrics.js';
import type { HostMember } from '../host/host-link.js';
import type { AuditTrail } from '../audit/trail.js';
import { AuditStore } from '../store/audit-store.js';
import { CommandStore } from '../store/command-store.js';
import { doorBatch } from '../store/door-items.js';
import { DoorGrantStore } from '../store/door-grants.js';
import { DoorPresenceStore } from '../store/door-presence.js';
import { DoorRecordStore } from '../store/door-records.js';
import { FirmwareStore } from '../store/firmware-store.js';
import { KeyBanStore } from '../store/key-bans.js';
import { OperatorStore } from '../store/operator-store.js';
import type { EarlierCommands } from '../store/layout/earlier-commands.js';
import { upgradeStore } from '../store/layout/upgrade.js';
import { PrivateRedis } from '../store/private/private-redis.js';
import { RedisLink } from '../store/redis-link.js';
import { RelayMail } from '../store/relay-mail.js';
import { RelayStore } from '../store/relay-store.js';
import { RolloutStore } from '../store/rollout-store.js';
import { SiteStore } from '../store/site-store.js';
import { StoreMemory } from '../store/store-memory.js';
import type { Ambient } from './ambient.js';

/** How long to wait for another relay or command line that moves the store to this version's layout. */
const UPGRADE_WAIT_MS = 600_000;

export interface StoreOptions {
  readonly clientName: string;
  readonly commandTimeoutMs: number;
  readonly onUpgrade: (text: string) => void;
}

/**
 * Opens the store, the configured Redis or the private one, and moves it to this version's layout if it has an earlier one; `onUpgrade` is
 * told how far that is.
 */
export async function openStore(
  { config, clock, random, log, onRelease }: Ambient,
  { onUpgrade, ...options }: StoreOptions,
): Promise<RedisLink> {
  let url = config.redisUrl;
  if (url === undefined) {
    const redis = await PrivateRedis.acquire(config.dataDir, log, clock);
    onRelease(() => redis.release());
    url = redis.url;
  }
  const link = await RedisLink.open({ url, clock, ...options });
  onRelease(() => link.close());
  link.onConnectionChange(({ connected, reason }) =>
    connected ? log.info('the store is connected') : log.warn({ reason }, 'the store is disconnected'),
  );
  await upgradeStore({ link, clock, random, tell: onUpgrade, waitMs: UPGRADE_WAIT_MS });
  return link;
}

/** Watches how full Redis is (protocol 8.3). */
export function watchMemory(link: RedisLink, { clock, metrics, onError, onRelease }: Unopened): StoreMemory {
  const memory = new StoreMemory({
    link,
    clock,
    onRatio: (ratio) => metrics.redisMemory.set(ratio),
    onError: (error) => onError(error, 'memory'),
  });
  memory.start();
  onRelease(() => memory.stop());
  return memory;
}

/** The typed stores, one a thing. `onBatch` is told how many things at doors went in one call; `earlier`: see CommandStore. */
export const storesOn = (link: RedisLink, onBatch?: (items: number) => void, earlier?: EarlierCommands) => {
  const batch = doorBatch(link, onBatch);
  return {
    audit: new AuditStore(link),
    bans: new KeyBanStore(link),
    /** What is done at doors waits here for its turn. */
    batch,
    commands: new CommandStore(batch, earlier),
    firmware: new FirmwareStore(link),
    grants: new DoorGrantStore(link),
    mail: new RelayMail(link),
    operators: new OperatorStore(link),
    presence: new DoorPresenceStore(link, batch),
    records: new DoorRecordStore(link),
    relays: new RelayStore(link),
    rollouts: new RolloutStore(link),
    sites: new SiteStore(link),
  };
};
export type Stores = ReturnType<typeof storesOn>;

/** What every room of a relay is handed: the command line has no metrics, and no door is connected to it. */
export interface Base extends Ambient {
  readonly stores: Stores;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  /** Unique per process, whatever the name: a restarted relay must not inherit the presence of the one before. */
  readonly relayId: string;
  /** Set where this relay is one of several processes of its host. */
  readonly member?: HostMember | undefined;
  /** Counts and logs work that failed and that nobody waits for. */
  readonly onError: (error: unknown, work: string) => void;
}

/** As `Base`, before the store is open. */
export type Unopened = Omit<Base, 'stores' | 'audit'>;
