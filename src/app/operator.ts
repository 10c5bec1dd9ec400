/**
 * What the machine's operator works with (protocol 11.2): the same parts as the relay's, without sockets, on the same
 * store, whether a relay runs or not. The second composition root, next to app.ts; a command opens it, acts, and closes it.
 */
import { pino } from 'pino';

import { systemClock, systemRandom, type Clock, type Random } from '../clock.js';
import type { Acting } from '../audit/entry.js';
import { AuditTrail } from '../audit/trail.js';
import type { Config } from '../config.js';
import { openDesk, type OperatorDesk } from '../operators/desk.js';
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
import { PrivateRedis } from '../store/private/private-redis.js';
import { RedisLink } from '../store/redis-link.js';
import { RolloutStore } from '../store/rollout-store.js';
import { SiteStore } from '../store/site-store.js';
import { prepare } from './preflight.js';

export interface Operator extends OperatorDesk {
  /** Where the store is, for people: without user and password. */
  readonly storeAddress: string;
  /** A short-lived token of the operator for the API of a relay of this fleet (protocol 11.2). `publicOrigin`: the relay's own. */
  apiToken(publicOrigin: string): Promise<string>;
  /** Flushes what is unwritten, disconnects, and lets a redis-server go that was started for this. */
  close(): Promise<void>;
}

/** Commands wait longer than a relay may: nobody else is held up. */
const COMMAND_TIMEOUT_MS = 5000;

/**
 * Opens the store of `config` for one who acts, starting its private redis-server when no relay has. Throws
 * `store_unavailable`, ConfigError.
 */
export async function openOperator(config: Config, by: Acting): Promise<Operator> {
  const clock = systemClock;
  const random = systemRandom;
  const log = pino({ level: 'silent' });
  const release: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of release.reverse().splice(0)) await step();
  };
  prepare(config);
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
    const sites = await siteService(config, link, { clock, random, audit, log });
    const desk = openDesk(
      {
        doors: new DoorStore(link),
        nodes: new NodeStore(link),
        firmware: new FirmwareStore(link),
        rollouts: new RolloutStore(link),
        auditStore,
        sites,
        audit,
        clock,
        random,
      },
      by,
    );
    return {
      ...desk,
      storeAddress: link.address,
      apiToken: (publicOrigin) => sites.operatorToken(publicOrigin),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function siteService(
  config: Config,
  link: RedisLink,
  ambient: { clock: Clock; random: Random; audit: AuditTrail; log: pino.Logger },
): Promise<SiteService> {
  const { clock, random, audit, log } = ambient;
  const [keys, secrets] = [
    await SigningKeys.load(config.secretsDir, clock),
    await FleetSecrets.load(config.secretsDir, random),
  ];
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
    tokens: new AccessTokens({
      keys,
      clock,
      random,
      issuers: () => config.publicUrls,
      lifetimeSeconds: config.accessTokenSeconds,
    }),
    keys,
    secrets,
    clock,
    random,
    audit,
    allowPrivateSites: config.allowPrivateSites,
    siteRate: config.siteRate,
  });
}
