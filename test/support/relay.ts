/** A whole relay in this process: real TLS, real Redis, a free port, a directory of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock, systemRandom } from '../../src/clock.js';
import { createApp, type App } from '../../src/app/app.js';
import { AuditTrail } from '../../src/audit/trail.js';
import { readConfig, type Environment } from '../../src/config.js';
import { storesOn } from '../../src/app/store.js';
import { DoorAdmin } from '../../src/operators/doors.js';
import { KeyAdmin } from '../../src/operators/keys.js';
import { AuditStore } from '../../src/store/audit-store.js';
import type { RedisLink } from '../../src/store/redis-link.js';

export interface TestRelay {
  readonly app: App;
  readonly port: number;
  /** `https://localhost:<port>`. */
  readonly url: string;
  /** PEM of the local CA. */
  readonly ca: string;
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** For tests of something else: here all the world is one address, and often one site. */
export const RAISED_LIMITS = {
  OPENLOCK_ADDRESS_RATE: '100000',
  OPENLOCK_SITE_RATE: '100000',
  OPENLOCK_ADDRESS_SOCKETS: '100000',
  OPENLOCK_SITE_SOCKETS: '100000',
  OPENLOCK_ADDRESS_HANDSHAKES: '100000',
  OPENLOCK_ADDRESS_CONNECTIONS: '100000',
} as const;

/** Starts a relay on `redisUrl`; relays that share a Redis in a test share `secretsDir` too. */
export async function startTestRelay(redisUrl: string | undefined, environment: Environment = {}): Promise<TestRelay> {
  const dataDir = environment['OPENLOCK_DATA_DIR'] ?? mkdtempSync(join(tmpdir(), 'openlock-relay-'));
  const config = readConfig({
    OPENLOCK_HOST: '127.0.0.1',
    OPENLOCK_PORT: '0',
    OPENLOCK_DATA_DIR: dataDir,
    ...(redisUrl !== undefined && { OPENLOCK_REDIS_URL: redisUrl }),
    OPENLOCK_ALLOW_PRIVATE_SITES: 'true',
    OPENLOCK_LOG_LEVEL: 'silent',
    ...RAISED_LIMITS,
    ...environment,
  });
  const app = createApp(config);
  const { port, caPath } = await app.start();
  return {
    app,
    port,
    url: `https://localhost:${port}`,
    ca: caPath === undefined ? '' : readFileSync(caPath, 'utf8'),
    dataDir,
    async stop() {
      await app.stop();
      if (environment['OPENLOCK_DATA_DIR'] === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const BY = { actor: 'cli:tester' };

function trail(link: RedisLink): AuditTrail {
  return new AuditTrail({ store: new AuditStore(link), clock: systemClock, node: 'cli', onError: () => undefined });
}

export function keyAdmin(link: RedisLink): KeyAdmin {
  return new KeyAdmin({ ...storesOn(link), audit: trail(link), clock: systemClock, by: BY });
}

/** The operator's side of a store, as the command line has it. */
export function doorAdmin(link: RedisLink): DoorAdmin {
  const stores = storesOn(link);
  return new DoorAdmin({
    ...stores,
    by: BY,
    audit: trail(link),
    clock: systemClock,
    random: systemRandom,
    findSites: async (siteIdOrOrigin) => {
      const site = await stores.sites.record(siteIdOrOrigin);
      return site === undefined
        ? (await stores.sites.sitesOfOrigin(siteIdOrOrigin)).map((found) => found.siteId)
        : [siteIdOrOrigin];
    },
  });
}
