/**
 * The composition root of a relay: each room is put together by its file beside this one, here is the order in which they
 * start. What starts registers its release; releases run last-in first-out, also after a start that failed half-way.
 */
import type { Logger } from 'pino';

import { eventually, systemClock, systemRandom, type Clock, type Random } from '../clock.js';
import { Metrics } from '../metrics.js';
import { AuditTrail } from '../audit/trail.js';
import type { Config } from '../config.js';
import { createListener } from '../http/listener.js';
import type { HostMember } from '../host/host-link.js';
import type { HttpApi } from '../http/server.js';
import { createStartingHandler } from '../http/starting.js';
import { createLog, RepeatedTroubles, standardError } from '../log.js';
import { OpenLockError } from '../protocol/problem.js';
import type { Release } from './ambient.js';
import { makePresence, makeSockets } from './channels.js';
import { makeCommands } from './commands.js';
import { makeDoors } from './doors.js';
import { makeConnectionLimits, makeGate } from './gate.js';
import { keepCertificates, makeHttp } from './http.js';
import { giveMetrics, startMetrics } from './metrics.js';
import { prepare } from './preflight.js';
import { publicOrigins } from './public-origins.js';
import { makeRelays } from './relays.js';
import { makeSites } from './sites.js';
import { openStore, storesOn, watchMemory, type Unopened } from './store.js';
import { makeUpdates } from './updates.js';

/** Where a started relay can be reached. */
export interface RelayUrls {
  /** With the port that was taken. */
  readonly port: number;
  readonly publicOrigins: readonly string[];
  readonly metricsPort: number | undefined;
  /** Where the metrics are, for a person to open; `undefined`: off. */
  readonly metricsUrl: string | undefined;
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
  /** This relay is one of several processes of its host. */
  readonly member?: HostMember | undefined;
}

const STORE_TIMEOUT_MS = 800;
const DRAIN_MS = 6000;
const CLOSE_MS = 1500;

export function createApp(config: Config, options: AppOptions = {}): App {
  const { clock = systemClock, random = systemRandom, member } = options;
  const releases: Release[] = [];
  const name = member?.nodeId ?? config.nodeId ?? `relay-${random.bytes(4).toString('hex')}`;
  const log = options.log ?? createLog(config.logLevel, name, standardError(member !== undefined));
  const metrics = new Metrics();
  const troubles = new RepeatedTroubles(clock);
  const ambient: Unopened = {
    config,
    clock,
    random,
    log,
    metrics,
    member,
    relayId: `${name}.${random.bytes(6).toString('hex')}`,
    onError: (error, work) => {
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
    },
    onRelease: (release) => releases.push(release),
  };
  const stop = async (): Promise<void> => {
    troubles.stop();
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
        return await start(ambient, name, options.extraSiteCa ?? []);
      } catch (error) {
        await stop();
        throw error;
      }
    },
  };
}

/** One list, long because its order is what it says: rooms start from top to bottom, and stop the other way round. */
async function start(ambient: Unopened, name: string, extraSiteCa: readonly string[]): Promise<RelayUrls> {
  const { config, clock, random, log, metrics, member, onError, onRelease } = ambient;
  prepare(config);
  // One says for all of a host what they were given alike.
  if ((member?.slot ?? 1) === 1) for (const warning of config.warnings) log.warn(warning);

  const certificates = await keepCertificates(ambient);
  let handler: HttpApi['handler'] = createStartingHandler(random);
  const limits = makeConnectionLimits(ambient);
  const listener = createListener({
    tls: certificates?.serverOptions,
    clock,
    random,
    limits,
    handler: (request, response) => handler(request, response),
  });
  const port = await listener.start(config.port, config.host);
  onRelease(() => listener.stop());
  if (certificates !== undefined && 'setSecureContext' in listener.server) certificates.start(listener.server);
  onRelease(() => certificates?.stop());
  const origins = publicOrigins(config, port);

  const clientName = `openlock-relay-${process.pid}`;
  const link = await openStore(ambient, { clientName, commandTimeoutMs: STORE_TIMEOUT_MS });
  const memory = watchMemory(link, ambient);
  const stores = storesOn(link, (items) => metrics.storeBatchItems.observe(items));
  const audit = new AuditTrail({ store: stores.audit, clock, node: name, onError: (error) => onError(error, 'audit') });
  audit.start();
  onRelease(() => audit.stop());

  const base = { ...ambient, stores, audit };
  const onMailFailure = (): void => metrics.mailFailures.inc();
  const siteParts = {
    ...base,
    store: stores.sites,
    origins,
    onMailFailure,
    extraSiteCa,
    isStoreFull: () => memory.isFull,
  };
  const { sites, secrets, tokens } = await makeSites(siteParts);
  const gate = makeGate(base, link, { sites, tokens });
  const relays = makeRelays(base);
  const doors = makeDoors(base, relays, secrets, origins);
  const commands = makeCommands(base, relays, doors);
  const updates = makeUpdates(base, relays, doors);
  const presence = makePresence(base, relays, doors, commands, updates);
  const ways = { ...gate, ...relays, ...doors, ...commands, sites, origins, presence };
  const { clientHub, upgrades } = makeSockets(base, ways);
  let stopping = false;
  // Asked, not assumed: a store that hangs keeps its connection.
  const readiness = async (): Promise<boolean> => !stopping && (await link.run((client) => client.ping())) === 'PONG';
  const api = makeHttp(base, { ...ways, readiness });

  await relays.lease.start(presence);
  onRelease(() => relays.lease.stop());
  commands.dispatcher.start();
  commands.questions.start();
  onRelease(() => commands.dispatcher.stop());
  updates.start();
  onRelease(() => updates.stop());
  presence.start();
  clientHub.start();
  onRelease(async () => {
    stopping = true;
    upgrades.stopAccepting();
    // Commands and questions under way are finished first; then doors and clients are sent elsewhere.
    const listening = listener.stop(DRAIN_MS);
    await eventually(clock, DRAIN_MS, () => commands.commands.underWay === 0);
    await Promise.all([clientHub.stop(CLOSE_MS), presence.stop(CLOSE_MS)]);
    await listening;
    await relays.bus.stop();
  });
  // Last, as each room has said by now which messages it takes.
  await relays.bus.start();
  handler = api.handler;
  listener.onUpgrade(upgrades.handler);
  const metricsAddress =
    member === undefined ? await startMetrics(ambient, metrics.registry) : giveMetrics(member, ambient);
  return { port, publicOrigins: origins.shown, ...metricsAddress, caPath: certificates?.caPath };
}

const reasonOf = ({ message, cause }: Error): string => (cause instanceof Error ? cause.message : message);
