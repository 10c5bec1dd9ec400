/** What every part of the benchmark stands on: a certificate, keys, a site with a session, and a directory on a real disk. */
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock, systemRandom } from '../../src/clock.js';
import { AccessTokens, type IssueFields } from '../../src/sites/access-tokens.js';
import { SigningKeys } from '../../src/sites/signing-keys.js';
import { makeCertificate, type TestCertificate } from '../simulator/support/test-ca.js';
import { makeReceipt } from './load/envelopes.js';
import type { Options } from './options.js';
import { goesWithUs, remove } from './processes/leftovers.js';
import { BenchRedis, type Fsync } from './redis/bench-redis.js';

/** One site, as one busy website would be. */
export const SITE = {
  siteId: 'bench-site',
  sessionId: 'bench-session',
  origin: 'https://site.example',
  email: 'bench@site.example',
} as const;

const RELAY_ORIGIN = 'https://localhost';
/** Raised, because one machine is one address and one site here (protocol 8.1: 50 and 10 a second; 8.4). */
export const RAISED_LIMITS = {
  OPENLOCK_ADDRESS_RATE: '1000000',
  OPENLOCK_SITE_RATE: '1000000',
  OPENLOCK_SITE_SOCKETS: '1000',
  OPENLOCK_ADDRESS_SOCKETS: '1000',
  OPENLOCK_ADDRESS_HANDSHAKES: '1000000',
  OPENLOCK_ADDRESS_CONNECTIONS: '1000000',
} as const;

export interface DoorKey {
  readonly kid: string;
  /** PEM. All doors have it: doors are not what is measured. */
  readonly publicKey: string;
  /** PKCS#8 PEM, for doors that register by themselves. */
  readonly privateKey: string;
}

type Release = () => Promise<void> | void;

export class Stage {
  /** On the disk whose fsync is part of what is measured. */
  readonly dir: string;
  readonly certificate: TestCertificate = makeCertificate();
  readonly doorKey: DoorKey = makeDoorKey();
  readonly receipt = makeReceipt();
  /** An access token of a site's session. */
  readonly tokenOf: (session: IssueFields) => string;
  /** The relay is run from dist/, as it is shipped; otherwise from src/. */
  readonly compiled: boolean;
  /** Where our relays write CPU profiles; `undefined`: nowhere. */
  readonly profileDir: string | undefined;
  readonly #releases: Release[] = [];

  private constructor(dir: string, tokenOf: Stage['tokenOf'], compiled: boolean, profileDir: string | undefined) {
    this.dir = dir;
    this.tokenOf = tokenOf;
    this.compiled = compiled;
    this.profileDir = profileDir;
    writeFileSync(join(dir, 'cert.pem'), this.certificate.cert);
    writeFileSync(join(dir, 'key.pem'), this.certificate.key, { mode: 0o600 });
  }

  static async set({
    resultsDir,
    fromSource,
    profile,
  }: Pick<Options, 'resultsDir' | 'fromSource' | 'profile'>): Promise<Stage> {
    mkdirSync(resultsDir, { recursive: true });
    const dir = mkdtempSync(join(resultsDir, 'work-'));
    goesWithUs(dir);
    const keys = await SigningKeys.load(join(dir, 'secrets'), systemClock);
    const tokens = new AccessTokens({
      keys,
      clock: systemClock,
      random: systemRandom,
      issuers: () => [RELAY_ORIGIN],
      lifetimeSeconds: 86_400,
    });
    return new Stage(
      dir,
      (session) => tokens.issue(session),
      !fromSource && (await isBuilt()),
      profile ? resultsDir : undefined,
    );
  }

  /** Environment of one of our relays. */
  relayEnvironment(name: string, redisUrl: string, port = 0): Readonly<Record<string, string>> {
    return {
      ...RAISED_LIMITS,
      OPENLOCK_HOST: '127.0.0.1',
      OPENLOCK_PORT: String(port),
      // A door that registers names the origin it called, port included.
      OPENLOCK_PUBLIC_URL: port === 0 ? RELAY_ORIGIN : `${RELAY_ORIGIN} ${RELAY_ORIGIN}:${port}`,
      OPENLOCK_DATA_DIR: join(this.dir, name),
      OPENLOCK_SECRETS_DIR: join(this.dir, 'secrets'),
      OPENLOCK_TLS_CERT: join(this.dir, 'cert.pem'),
      OPENLOCK_TLS_KEY: join(this.dir, 'key.pem'),
      OPENLOCK_REDIS_URL: redisUrl,
      OPENLOCK_LOG_LEVEL: 'error',
      OPENLOCK_NODE_ID: name,
    };
  }

  async redis(name: string, fsync: Fsync): Promise<BenchRedis> {
    const redis = await BenchRedis.start(join(this.dir, name), fsync);
    this.onRelease(() => redis.stop());
    return redis;
  }

  /** Releases run last-in first-out. */
  onRelease(release: Release): void {
    this.#releases.push(release);
  }

  /** Releases what was started since `mark` was taken; everything without one. */
  async release(mark = 0): Promise<void> {
    while (this.#releases.length > mark) await this.#releases.pop()?.();
  }

  get mark(): number {
    return this.#releases.length;
  }

  async strike(): Promise<void> {
    await this.release();
    remove(this.dir);
  }
}

/** True when dist/ is there and not older than src/; `npm run bench` and `npm test` see to that. */
async function isBuilt(): Promise<boolean> {
  const project = (await import(new URL('../../src/set-up/project.mjs', import.meta.url).href)) as {
    readonly isBuilt: () => boolean;
  };
  return project.isBuilt();
}

function makeDoorKey(): DoorKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const { e, n } = createPublicKey(publicKey).export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  return { kid, publicKey, privateKey };
}
