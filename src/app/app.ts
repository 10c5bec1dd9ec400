/**
 * The one composition root: everything a relay is made of, wired by hand. What starts registers its release; releases run
 * last-in first-out, also after a start that failed half-way (house rule 2).
 */
import type { Logger } from 'pino';

import { systemClock, systemRandom, type Clock, type Random } from '../clock.js';
import { Metrics } from '../metrics.js';
import { AuditTrail } from '../audit/trail.js';
import { CommandService } from '../commands/command-service.js';
import { DoorDispatcher } from '../commands/door-dispatcher.js';
import { StatusQueries } from '../commands/status-queries.js';
import { Waiters } from '../commands/waiters.js';
import type { Config } from '../config.js';
import { Challenges } from '../doors/challenge.js';
import { DoorAccess } from '../doors/door-access.js';
import { DoorService } from '../doors/door-service.js';
import { RelayLease } from '../doors/relay-lease.js';
import { RelayUpdates } from '../updates/relay-updates.js';
import { AddressLimiter } from '../http/address-limiter.js';
import { loadTls } from '../http/certificates.js';
import { addressOf } from '../http/client-address.js';
import { createListener } from '../http/listener.js';
import { createMetricsListener } from '../http/metrics-listener.js';
import { HttpApi } from '../http/server.js';
import { createStartingHandler } from '../http/starting.js';
import { ClientHub } from '../channels/websocket/client-hub.js';
import { DoorHub, DoorRegistry } from '../channels/websocket/door-hub.js';
import { RelayMail } from '../channels/websocket/relay-mail.js';
import { Upgrades } from '../channels/websocket/upgrade.js';
import { createLog, RepeatedTroubles } from '../log.js';
import { prepare } from './preflight.js';
import { OpenLockError } from '../protocol/problem.js';
import { AccessTokens } from '../sites/access-tokens.js';
import { FleetSecrets } from '../sites/fleet-secrets.js';
import { Mailer } from '../sites/mailer.js';
import { OriginVerifier } from '../sites/origin-verifier.js';
import { SigningKeys } from '../sites/signing-keys.js';
import { SiteService } from '../sites/site-service.js';
import { AuditStore } from '../store/audit-store.js';
import { CommandStore } from '../store/command-store.js';
import { DoorStore } from '../store/door-store.js';
import { FailureLimits } from '../store/failure-limits.js';
import { FirmwareStore } from '../store/firmware-store.js';
import { NodeMail } from '../store/node-mail.js';
import { NodeStore } from '../store/node-store.js';
import { PrivateRedis } from '../store/private/private-redis.js';
import { RedisLink } from '../store/redis-link.js';
import { RolloutStore } from '../store/rollout-store.js';
import { SiteStore } from '../store/site-store.js';

/** Where a started relay can be reached. */
export interface RelayUrls {
  /** With the port that was taken. */
  readonly port: number;
  readonly publicOrigins: readonly string[];
  readonly metricsPort: number | undefined;
  /** The local CA clients have to trust, where the relay made its own certificate. */
  readonly caPath: string | undefined;
}

export interface App {
  /** Starts everything; throws after having released what was started. */
  start(): Promise<RelayUrls>;
  /** Graceful: doors get 1001, commands under way are finished, within 10 s. */
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  /** PEM certificates trusted for origin verification besides the public ones (tests, demo). */
  readonly extraSiteCa?: readonly string[];
}

type Release = () => Promise<void> | void;

const STORE_TIMEOUT_MS = 800;
const DRAIN_MS = 6000;
const CLOSE_MS = 1500;

export function createApp(config: Config, options: AppOptions = {}): App {
  const releases: Release[] = [];
  const nodeName = config.nodeId ?? `relay-${(options.random ?? systemRandom).bytes(4).toString('hex')}`;
  const log = options.log ?? createLog(config.logLevel, nodeName);
  const stop = async (): Promise<void> => {
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        await release();
      } catch (error) {
        log.warn({ err: error }, 'a part did not stop cleanly');
      }
    }
  };
  return {
    stop,
    start: async () => {
      try {
        return await start(config, { ...options, log }, nodeName, (release) => releases.push(release));
      } catch (error) {
        await stop();
        throw error;
      }
    },
  };
}

/** Opens the store: the configured Redis, or the private one. */
async function openStore(config: Config, log: Logger, onRelease: (release: Release) => void): Promise<RedisLink> {
  let url = config.redisUrl;
  if (url === undefined) {
    const redis = await PrivateRedis.acquire(config.dataDir, log);
    onRelease(() => redis.release());
    url = redis.url;
  }
  const link = await RedisLink.open({
    url,
    clientName: `openlock-relay-${process.pid}`,
    commandTimeoutMs: STORE_TIMEOUT_MS,
  });
  onRelease(() => link.close());
  link.onConnectionChange(({ connected, reason }) =>
    connected ? log.info('the store is connected') : log.warn({ reason }, 'the store is disconnected'),
  );
  return link;
}

async function start(
  config: Config,
  options: AppOptions & { readonly log: Logger },
  nodeName: string,
  onRelease: (release: Release) => void,
): Promise<RelayUrls> {
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  prepare(config);
  for (const warning of config.warnings) log.warn(warning);
  // Unique per process, whatever the name: a restarted relay must not inherit the presence of the one before.
  const nodeId = `${nodeName}.${random.bytes(6).toString('hex')}`;
  const metrics = new Metrics();
  const troubles = new RepeatedTroubles(clock);
  onRelease(() => troubles.stop());
  const onError = (error: unknown, work: string): void => {
    metrics.storeErrors.inc({ work });
    // While the store is away all work fails, for this one reason; its stack says nothing.
    const isStore = error instanceof OpenLockError;
    const fields = isStore ? { code: error.code, reason: reasonOf(error) } : { err: error };
    troubles.report(isStore ? error.code : work, (unsaid) =>
      log[isStore ? 'warn' : 'error'](
        { ...fields, work },
        unsaid === 0 ? 'work failed' : `work failed, ${unsaid} more times since`,
      ),
    );
  };

  const tls = config.tls ? await loadTls(config) : undefined;
  let handler: HttpApi['handler'] = createStartingHandler(random);
  const listener = createListener({ tls, random, handler: (request, response) => handler(request, response) });
  const port = await listener.start(config.port, config.host);
  onRelease(() => listener.stop());
  const origins = publicOrigins(config, port);

  const link = await openStore(config, log, onRelease);
  const doorStore = new DoorStore(link);
  const nodeStore = new NodeStore(link);
  const commandStore = new CommandStore(link);
  const mail = new NodeMail(link);
  const audit = new AuditTrail({
    store: new AuditStore(link),
    clock,
    node: nodeName,
    onError: (error) => onError(error, 'audit'),
  });
  audit.start();
  onRelease(() => audit.stop());

  const failures = new FailureLimits(link, {
    clock,
    onBlocked: (address) => audit.refusal({ kind: 'address_blocked', actor: 'anonymous', code: 'ip_blocked', address }),
  });
  const secrets = await FleetSecrets.load(config.secretsDir, random);
  const keys = await SigningKeys.load(config.secretsDir, clock);
  const tokens = new AccessTokens({
    keys,
    clock,
    random,
    issuers: () => origins.issuers,
    alsoIssuer: origins.alsoIssuer,
    lifetimeSeconds: config.accessTokenSeconds,
  });
  const mailer = new Mailer({
    mailUrl: config.mailUrl,
    mailFrom: config.mailFrom,
    dataDir: config.dataDir,
    clock,
    random,
    log,
    onFailure: () => metrics.mailFailures.inc(),
  });
  onRelease(() => mailer.stop());
  const verifier = new OriginVerifier({
    allowPrivateSites: config.allowPrivateSites,
    ...(options.extraSiteCa !== undefined && { extraCa: options.extraSiteCa }),
  });
  const sites = new SiteService({
    store: new SiteStore(link),
    mailer,
    verifier,
    tokens,
    keys,
    secrets,
    clock,
    random,
    audit,
    allowPrivateSites: config.allowPrivateSites,
    siteRate: config.siteRate,
  });

  const registry = new DoorRegistry();
  const waiters = new Waiters();
  const access = new DoorAccess(doorStore, clock);
  const dispatcher = new DoorDispatcher({
    store: commandStore,
    links: registry,
    waiters,
    audit,
    nodeId,
    clock,
    onError,
  });
  const lease: RelayLease = new RelayLease({
    nodes: nodeStore,
    nodeId,
    onLeaseLost: () => void doorHub.reassertAll().catch((error: unknown) => onError(error, 'reassert')),
    sweep: (deadNodeId) => doorHub.sweep(deadNodeId),
    onError: (error) => onError(error, 'lease'),
  });
  const statusQueries = new StatusQueries({ doors: doorStore, links: registry, lease, mail, nodeId, clock, random });
  const updates = new RelayUpdates({
    firmware: new FirmwareStore(link),
    rollouts: new RolloutStore(link),
    doors: doorStore,
    lease,
    links: registry,
    audit,
    metrics,
    clock,
    random,
    nodeId,
    bytesPerSecond: config.updateRate * 1024 * 1024,
    onError,
  });
  const doorHub = new DoorHub({
    registry,
    doors: doorStore,
    nodes: nodeStore,
    dispatcher,
    statusQueries,
    updates: updates.delivery,
    audit,
    metrics,
    clock,
    nodeId,
    onError,
  });
  const commands = new CommandService({
    store: commandStore,
    access,
    lease,
    links: registry,
    dispatcher,
    waiters,
    statusQueries,
    audit,
    metrics,
    clock,
    nodeId,
    commandTimeoutMs: config.commandTimeoutMs,
    onError,
  });
  const doors = new DoorService({
    store: doorStore,
    access,
    lease,
    challenges: new Challenges(secrets.mac('challenge'), clock, random),
    audit,
    clock,
    random,
    audiences: () => origins.audiences,
  });
  const addressLimiter = new AddressLimiter({ ratePerSecond: config.addressRate, clock, random });
  const takeAddress = (address: string): { allowed: boolean; retryAfterMs: number } => {
    const verdict = addressLimiter.take(address);
    if (!verdict.allowed) metrics.limiterHits.inc({ limit: 'address' });
    if (verdict.sustained) failures.record(address).catch((error: unknown) => onError(error, 'failure'));
    return verdict;
  };
  const clientHub = new ClientHub({ sites, commands, access, mail, audit, metrics, clock, takeAddress, onError });
  const relayMail = new RelayMail({
    mail,
    doors: doorStore,
    dispatcher,
    statusQueries,
    waiters,
    lease,
    doorHub,
    clientHub,
    onRolloutsChanged: () => updates.lookSoon(),
    nodeId,
    onError,
  });

  let stopping = false;
  const api = new HttpApi({
    sites,
    doors,
    commands,
    failures,
    addressLimiter,
    audit,
    metrics,
    log,
    clock,
    random,
    trustProxyHops: config.trustProxyHops,
    allowPrivateSites: config.allowPrivateSites,
    // Asked, not assumed: a store that hangs keeps its connection.
    readiness: async () => !stopping && (await link.run((client) => client.ping())) === 'PONG',
    tls: config.tls,
    publicOrigins: origins.shown,
  });
  const upgrades = new Upgrades({
    doorHub,
    clientHub,
    doors: doorStore,
    sites,
    failures,
    audit,
    metrics,
    clock,
    random,
    addressOf: (request) => addressOf(request, config.trustProxyHops),
    takeAddress,
    onError,
  });

  await lease.start();
  onRelease(() => lease.stop());
  dispatcher.start();
  onRelease(() => dispatcher.stop());
  await relayMail.start();
  onRelease(() => relayMail.stop());
  updates.start();
  onRelease(() => updates.stop());
  doorHub.start();
  clientHub.start();
  onRelease(async () => {
    stopping = true;
    upgrades.stopAccepting();
    // Commands under way are finished first; then both kinds of socket are sent away with 1001.
    const listening = listener.stop(DRAIN_MS);
    const until = clock.monotonic() + DRAIN_MS;
    while ((waiters.size > 0 || dispatcher.inFlight > 0) && clock.monotonic() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([clientHub.stop(CLOSE_MS), doorHub.stop(CLOSE_MS)]);
    await listening;
  });
  handler = api.handler;
  listener.server.on('upgrade', upgrades.handler);

  let metricsPort: number | undefined;
  if (config.metricsPort !== undefined) {
    const metricsListener = createMetricsListener(metrics.registry, log);
    metricsPort = await metricsListener.start(config.metricsPort);
    onRelease(() => metricsListener.stop());
  }
  return { port, publicOrigins: origins.shown, metricsPort, caPath: tls?.caPath };
}

const reasonOf = ({ message, cause }: Error): string => (cause instanceof Error ? cause.message : message);

interface Origins {
  readonly shown: readonly string[];
  /** Issuers of access tokens; the first issues. */
  readonly issuers: readonly string[];
  readonly alsoIssuer: (issuer: string) => boolean;
  /** Origins a door's proof may name (protocol 4.4). */
  readonly audiences: readonly string[];
}

/** Without `OPENLOCK_PUBLIC_URL` the relay is known by its loopback names, so that a first try works with any of them. */
function publicOrigins(config: Config, port: number): Origins {
  if (config.publicUrls.length > 0)
    return {
      shown: config.publicUrls,
      issuers: config.publicUrls,
      alsoIssuer: () => false,
      audiences: config.publicUrls,
    };
  const schemes = config.tls ? ['https'] : ['https', 'http'];
  const audiences = schemes.flatMap((scheme) =>
    ['localhost', '127.0.0.1', '[::1]'].map((host) => new URL(`${scheme}://${host}:${port}`).origin),
  );
  const shown = [new URL(`https://localhost:${port}`).origin];
  // Relays that share their secrets are one fleet, also where each is known by its own loopback port.
  return { shown, issuers: shown, alsoIssuer: (issuer) => /^https:\/\/localhost(:[0-9]+)?$/.test(issuer), audiences };
}
