/**
 * What the machine's operator works with (protocol 11.2): the same parts as the relay's, without sockets, on the same
 * store, whether a relay runs or not. The second composition root, next to app.ts; a command opens it, acts, and closes it.
 */
import { pino } from 'pino';

import { systemClock, systemRandom, type Clock, type Random } from '../clock.js';
import { AuditTrail } from '../audit/trail.js';
import type { Config } from '../config.js';
import { DoorAdmin } from '../doors/door-admin.js';
import { OperatorSessions } from '../operators/operator-sessions.js';
import { ReleaseService } from '../updates/release-service.js';
import { RolloutService } from '../updates/rollout-service.js';
import { AccessTokens } from '../sites/access-tokens.js';
import { FleetSecrets } from '../sites/fleet-secrets.js';
import { Mailer } from '../sites/mailer.js';
import { OriginVerifier } from '../sites/origin-verifier.js';
import { SigningKeys } from '../sites/signing-keys.js';
import { SiteService } from '../sites/site-service.js';
import { AuditStore } from '../store/audit-store.js';
import { DoorStore } from '../store/door-store.js';
import { FirmwareStore } from '../store/firmware-store.js';
import { NodeStore } from '../store/node-store.js';
import { OperatorStore } from '../store/operator-store.js';
import { PrivateRedis } from '../store/private/private-redis.js';
import { RedisLink } from '../store/redis-link.js';
import { RolloutStore } from '../store/rollout-store.js';
import { SiteStore } from '../store/site-store.js';

export interface Operator {
  readonly doors: DoorAdmin;
  readonly sites: SiteService;
  readonly sessions: OperatorSessions;
  readonly releases: ReleaseService;
  readonly rollouts: RolloutService;
  readonly nodes: NodeStore;
  readonly auditStore: AuditStore;
  /** Flushes what is unwritten, disconnects, and lets a redis-server go that was started for this. */
  close(): Promise<void>;
}

/** Commands wait longer than a relay may: nobody else is held up. */
const COMMAND_TIMEOUT_MS = 5000;

/** Opens the store of `config`, starting its private redis-server when no relay has. Throws `store_unavailable`, ConfigError. */
export async function openOperator(config: Config): Promise<Operator> {
  const clock = systemClock;
  const random = systemRandom;
  const log = pino({ level: 'silent' });
  const release: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of release.reverse().splice(0)) await step();
  };
  try {
    const redis = config.redisUrl === undefined ? await PrivateRedis.acquire(config.dataDir, log) : undefined;
    if (redis !== undefined) release.push(() => redis.release());
    const link = await RedisLink.open({
      url: redis?.url ?? config.redisUrl ?? '',
      clientName: 'cli',
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    });
    release.push(() => link.close());
    const auditStore = new AuditStore(link);
    const audit = new AuditTrail({ store: auditStore, clock, node: 'cli', onError: () => undefined });
    release.push(() => audit.flush());
    const keys = await SigningKeys.load(config.secretsDir, clock);
    const issuers = (): readonly string[] => config.publicUrls;
    const tokens = new AccessTokens({ keys, clock, random, issuers, lifetimeSeconds: config.accessTokenSeconds });
    const sites = await siteService(config, link, { clock, random, audit, log, keys, tokens });
    const sessions = new OperatorSessions({ store: new OperatorStore(link), tokens, audit, random });
    const findSites = async (name: string): Promise<readonly string[]> =>
      (await sites.find(name)).map(({ siteId }) => siteId);
    const doorStore = new DoorStore(link);
    const nodes = new NodeStore(link);
    const doors = new DoorAdmin({ store: doorStore, audit, clock, random, findSites });
    const releases = new ReleaseService({ store: new FirmwareStore(link), audit, clock, random });
    const rollouts = new RolloutService({
      store: new RolloutStore(link),
      doors: doorStore,
      nodes,
      releases,
      audit,
      clock,
      random,
    });
    return { doors, sites, sessions, releases, rollouts, nodes, auditStore, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function siteService(
  config: Config,
  link: RedisLink,
  parts: {
    clock: Clock;
    random: Random;
    audit: AuditTrail;
    log: pino.Logger;
    keys: SigningKeys;
    tokens: AccessTokens;
  },
): Promise<SiteService> {
  const { clock, random, log } = parts;
  return new SiteService({
    store: new SiteStore(link),
    mailer: new Mailer({
      mailUrl: config.mailUrl,
      mailFrom: config.mailFrom,
      dataDir: config.dataDir,
      clock,
      random,
      log,
    }),
    verifier: new OriginVerifier({ allowPrivateSites: config.allowPrivateSites }),
    ...parts,
    secrets: await FleetSecrets.load(config.secretsDir, random),
    allowPrivateSites: config.allowPrivateSites,
    siteRate: config.siteRate,
  });
}
